import { AdmissionRedis, isCluster, RedisConnections, ServerClock } from '../../../src/infra/redis';
import { Metrics } from '../../../src/infra/metrics';
import { newId } from '../../../src/kernel';
import type { Order, OrderFollowup } from '../../../src/order';
import { EarlyAttempts, HoldBudget, RiskRedis, RiskSignals, type PurchaseSubject }
  from '../../../src/risk/signals';
import { ActiveRules } from '../../../src/risk/rules/active-rules';
import { CompiledRules } from '../../../src/risk/rules/compiled-rules';
import { defaultRules } from '../../../src/risk/rules/default-rules';
import { RecentAttempts } from '../../../src/risk/rules/recent-attempts';
import { RiskAssessor } from '../../../src/risk/rules/risk-assessor';
import { RiskScores } from '../../../src/risk/rules/risk-scores';
import type { Sale } from '../../../src/sale';
import { testConfig } from '../../support/stack';

/** The risk layer on a real Redis, in a namespace of its own, under the rules that are shipped. */
export class RiskParts {
  readonly config;
  readonly admission: AdmissionRedis;
  readonly redis: RiskRedis;
  readonly signals: RiskSignals;
  readonly holds: HoldBudget;
  readonly recent: RecentAttempts;
  readonly assessor: RiskAssessor;
  readonly scores: RiskScores;
  readonly clock: ServerClock;
  readonly metrics = new Metrics();
  private readonly connections: RedisConnections;

  constructor(environment: Record<string, string> = {}) {
    const config = testConfig({ DATABASE_URL: 'mysql://nobody@127.0.0.1:1/none', RISK: 'on',
      HOLDS_PER_USER: '3', HOLDS_PER_DEVICE: '4', ...environment });
    this.config = config;
    this.connections = new RedisConnections(config);
    this.clock = new ServerClock(this.connections);
    this.admission = new AdmissionRedis(config, this.connections);
    const { connection } = this.admission;
    // How long an answer may take is not what these tests are about.
    if (!isCluster(connection)) connection.options.commandTimeout = 30_000;
    this.redis = new RiskRedis(this.admission);
    this.signals = new RiskSignals(config, this.redis, this.clock, new EarlyAttempts());
    // Decisions are told by the tests themselves.
    const followup: Pick<OrderFollowup, 'onDecided'> = { onDecided: () => undefined };
    this.holds = new HoldBudget(this.redis, followup as OrderFollowup, this.clock);
    this.recent = new RecentAttempts(this.redis, this.clock);
    const active: Pick<ActiveRules, 'rules'> = { rules: new CompiledRules(defaultRules) };
    this.assessor = new RiskAssessor(config, this.signals, this.holds, active as ActiveRules,
      this.recent, this.metrics);
    this.scores = new RiskScores(config, this.signals, active as ActiveRules);
  }

  /** Resolves when commands are taken: the connection keeps no queue. */
  async connected(): Promise<void> {
    await this.clock.refresh();
    const { connection } = this.admission;
    if (connection.status !== 'ready') {
      await new Promise((resolve) => { connection.once('ready', resolve); });
    }
  }

  /** Every key of this namespace, and how long it lives, in milliseconds; -1 is for ever. */
  async lifetimes(): Promise<Record<string, number>> {
    const keys = await this.admission.connection.keys(this.admission.key('*'));
    const entries = keys.map(async (key) =>
      [key, await this.admission.connection.pttl(key)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Bytes of everything in this namespace. */
  async bytes(): Promise<number> {
    const keys = Object.keys(await this.lifetimes());
    const sizes = await Promise.all(keys.map((key) =>
      this.admission.connection.memory('USAGE', key)));
    return sizes.reduce((sum: number, size) => sum + (size ?? 0), 0);
  }

  async close(): Promise<void> {
    const keys = Object.keys(await this.lifetimes().catch(() => ({})));
    if (keys.length > 0) await this.admission.connection.unlink(keys);
    this.connections.onApplicationShutdown();
  }
}

/** A sale that sells to everybody, with changes. */
export function saleWith(changes: Partial<Sale> = {}): Sale {
  return {
    id: newId('sale'), product: { id: 'pen', name: 'Pen' },
    price: { amount: 9900, currency: 'CNY' }, limitPerUser: 2, opensAtMs: 0, closesAtMs: 9e12,
    payWindowSeconds: 900, status: 'active',
    protection: {}, strategy: 'lua', redisOutage: 'pause', segments: 1, createdAtMs: 0, ...changes,
  };
}

interface Attempt extends Partial<PurchaseSubject> {
  userId?: string;
  registeredAt?: number;
}

/** One attempt of a user of its own from an address of its own, with changes. */
export function attempt({ userId = newId('user'), registeredAt, ...changes }: Attempt = {}) {
  return {
    identity: { userId, roles: [], ...(registeredAt !== undefined && { registeredAt }) },
    ip: randomIp(), sale: saleWith(), quantity: 1, rid: newId('').slice(1), ...changes,
  } satisfies PurchaseSubject;
}

/** The order that an attempt has become. */
export function orderOf({ identity: { userId }, rid, deviceId, sale, quantity }: PurchaseSubject,
  status: Order['status'], closedAt = new Date()): Order {
  return {
    id: rid, saleId: sale.id, userId, quantity, amount: sale.price.amount * quantity,
    currency: sale.price.currency, status, fingerprint: 'print', seq: 1, traceId: 'trace',
    reservedAt: closedAt, createdAt: closedAt, expiresAt: closedAt, closedAt, holds: 1,
    ...(deviceId !== undefined && { deviceId }),
  };
}

function randomIp(): string {
  const byte = () => Math.floor(Math.random() * 256);
  return `10.${byte()}.${byte()}.${byte()}`;
}

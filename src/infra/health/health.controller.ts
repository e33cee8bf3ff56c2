import { Controller, Get, Inject, Res, ServiceUnavailableException } from '@nestjs/common';
import {
  HealthCheckService, HealthIndicatorService, type HealthCheckAttempt,
} from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { APP_CONFIG, type AppConfig } from '../../config';
import { Database } from '../database';
import { Describe, Public } from '../http';
import { QueueProgress, Queues } from '../queue';
import { faultOf, readServerSettings, RedisConnections } from '../redis';
import { Lifecycle } from './lifecycle';

/** A dependency that does not answer within this time counts as down, in milliseconds. */
const checkTimeoutMs = 1_000;
/** Many probes share one look; a balancer asks far less often than this. */
const checkValidMs = 250;

const indicator = z.looseObject({
  status: z.enum(['up', 'down']),
  responseTime: z.int().optional().meta({ description: 'Milliseconds' }),
});
const health = z.looseObject({
  status: z.enum(['ok', 'error', 'shutting_down']),
  details: z.record(z.string(), indicator),
}).meta({
  id: 'Health',
  examples: [{
    status: 'ok',
    details: {
      process: { status: 'up' },
      redis: {
        status: 'up', responseTime: 1, appendonly: 'yes', appendfsync: 'everysec',
        maxmemoryPolicy: 'noeviction',
      },
      durability: { status: 'up', scheme: 'everysec', responseTime: 1 },
      database: { status: 'up', responseTime: 1, innodbFlushLogAtTrxCommit: 1 },
      queue: { status: 'up', responseTime: 2, waiting: 0, stuck: [] },
    },
  }],
});

type Checks = Parameters<HealthCheckService['check']>[0];

@Public()
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly lifecycle: Lifecycle,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly redis: RedisConnections,
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly progress: QueueProgress,
  ) {}

  @Get('live')
  @Describe({
    summary: 'Is the process up?',
    tag: 'operations',
    answers: { 200: { description: 'It is.', schema: health } },
  })
  live(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    return this.answer(reply, []);
  }

  @Get('ready')
  @Describe({
    summary: 'Should this process get requests?',
    description: 'Shows what its servers do to keep what they acknowledged. Says no as soon as the '
      + 'process begins to stop.',
    tag: 'operations',
    answers: {
      200: { description: 'Yes.', schema: health },
      503: { description: 'No: something it needs is away, or it stops.', schema: health },
    },
  })
  ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    return this.answer(reply, [
      () => this.checkProcess(),
      this.check('database', () => this.databaseDurability()),
      ...(this.lifecycle.sellsWithoutRedis
        ? [() => this.indicators.check('redis').up({ connected: false, sales: 'database' })]
        : this.checksOfRedis()),
    ]);
  }

  private checksOfRedis(): Checks {
    return [
      this.check('redis', () => this.redisSettings()),
      () => this.checkDurability(),
      this.check('queue', () => this.waitingJobs()),
    ];
  }

  /** The same document for yes and no; only the status differs. */
  private async answer(reply: FastifyReply, checks: Checks): Promise<unknown> {
    try {
      return await this.health.check(checks);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      reply.code(error.getStatus());
      return error.getResponse();
    }
  }

  private checkProcess() {
    const process = this.indicators.check('process');
    return this.lifecycle.isStopping ? process.down('stopping') : process.up();
  }

  /** The message of a failure may name hosts and users; this page is public. */
  private check(name: string, look: () => Promise<Record<string, unknown>>): HealthCheckAttempt {
    return this.indicators.check(name)
      .attempt(() => look().catch(() => { throw new Error('unreachable'); }))
      .withTimeout(checkTimeoutMs)
      .cacheFor(checkValidMs);
  }

  private async redisSettings() {
    const { appendonly, appendfsync, maxmemoryPolicy } = await readServerSettings(this.redis.general);
    return { appendonly, appendfsync, maxmemoryPolicy };
  }

  /** Down, with what was seen, where Redis does less than DURABILITY promises. */
  private async checkDurability() {
    const { durability } = await this.check('durability', () => this.durability());
    const { status, isKept, ...seen } = durability ?? { status: 'down', isKept: false };
    const session = this.indicators.check('durability');
    return status === 'up' && isKept === true ? session.up(seen) : session.down(seen);
  }

  private async durability() {
    const { durability: scheme, durabilityReplicas: replicasNeeded } = this.config;
    const settings = await readServerSettings(this.redis.general);
    const isKept = faultOf(settings, scheme) === undefined;
    if (scheme !== 'replica') return { scheme, isKept };
    const { replicas } = settings;
    return { scheme, replicas, replicasNeeded, isKept: isKept && replicas >= replicasNeeded };
  }

  private async databaseDurability() {
    const [row] = await this.database.query<{ flush: number }>(
      'SELECT @@GLOBAL.innodb_flush_log_at_trx_commit AS flush', []);
    return { innodbFlushLogAtTrxCommit: row?.flush };
  }

  private async waitingJobs() {
    const depths = await this.queues.depths();
    return { waiting: depths.reduce((sum, { jobs }) => sum + jobs, 0),
      stuck: this.progress.stuck() };
  }
}

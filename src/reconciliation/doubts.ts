import { Injectable } from '@nestjs/common';
import { Database } from '../infra/database';
import { answersInTime } from '../infra/redis';
import { isUnsettled, StockReader, StockRedis, type StockAudit, type StockFence } from '../stock';

/** Why Redis must be made from database rows again. */
export type Doubt = 'not_loaded' | 'other_server' | 'unfinished_load' | 'other_epoch'
  | 'database_older' | 'behind_database' | 'unbalanced' | 'unreadable' | 'database_is_gate'
  /** Nothing is known: the node of a Cluster that has the sale is away, or the sale is moving. */
  | 'unreachable';

/** What one look at both sides of sales found, by sale id. */
export interface Findings {
  /** Without the sales that nothing speaks against. */
  readonly doubts: Map<string, Doubt>;
  /** In units, passing or standing: see `StockSnapshot.drift`. Without the sales that are in doubt. */
  readonly drifts: Map<string, number>;
}

export interface StockRow {
  sale_id: string;
  total: number;
  allocated: number;
  epoch: number;
  seq: number;
  /** 1: the database is the gate, and stays it for now. */
  stays: 0 | 1;
  gate: StockFence['gate'];
}

/** A sale comes back to a Redis that a process which sells has just seen, and not at once. */
const stayInDatabaseSeconds = 2;
const sightingSeconds = 3;
/** For a node of a Cluster: while one hangs, the sales of the others are not kept waiting for it. */
const patienceMs = 1_000;

/** Looks for what speaks against the Redis side of sales. */
@Injectable()
export class Doubts {
  constructor(
    private readonly database: Database,
    private readonly redis: StockRedis,
    private readonly reader: StockReader,
  ) {}

  /** Why this sale is in doubt now, if it is. Rejects when a side is away. */
  async about(saleId: string): Promise<Doubt | undefined> {
    return (await this.look([saleId])).doubts.get(saleId);
  }

  /** Leaves out sales that Redis has no part in. Rejects when a side is away. */
  async look(saleIds: readonly string[]): Promise<Findings> {
    const findings: Findings = { doubts: new Map(), drifts: new Map() };
    await Promise.all((await this.stockRows(saleIds)).map((row) => this.judge(row, findings)));
    return findings;
  }

  /** Of sales that Redis has a part in: not of retired ones, nor of strategies of the database. */
  async stockRows(saleIds: readonly string[]): Promise<StockRow[]> {
    if (saleIds.length === 0) return [];
    return this.database.query<StockRow>(
      `SELECT sale_id, sale_stock.total, allocated, epoch, seq, gate,
          gate_since > NOW(3) - INTERVAL ? SECOND OR NOT EXISTS (
            SELECT 1 FROM redis_sighting WHERE seen_at > NOW(3) - INTERVAL ? SECOND) AS stays
        FROM sale_stock JOIN sales ON id = sale_id
        WHERE sale_id IN (?) AND strategy IN ('lua', 'tokens') AND retired_at IS NULL`,
      [stayInDatabaseSeconds, sightingSeconds, saleIds]);
  }

  private async judge(row: StockRow, { doubts, drifts }: Findings): Promise<void> {
    const { sale_id: saleId, gate, stays, total, allocated } = row;
    if (gate === 'database') {
      if (stays === 0) doubts.set(saleId, 'database_is_gate');
      return;
    }
    if (this.redis.isNodeAway(saleId)) {
      doubts.set(saleId, 'unreachable');
      return;
    }
    try {
      const audit = await this.audit(saleId);
      const doubt = this.doubtOf(row, audit);
      if (doubt !== undefined) doubts.set(saleId, doubt);
      else drifts.set(saleId, audit.available + audit.reserved + allocated - total);
    } catch (error) {
      // Keys that no script can read are one sale's fault and must not hide the others'.
      if (error instanceof Error && error.name === 'ReplyError') doubts.set(saleId, 'unreadable');
      else if (this.redis.isClustered) doubts.set(saleId, 'unreachable');
      else throw error;
    }
  }

  private async audit(saleId: string): Promise<StockAudit> {
    const audit = this.reader.audit(saleId);
    if (!this.redis.isClustered) return audit;
    const [answer] = await answersInTime([audit], patienceMs);
    return answer ?? audit;
  }

  private doubtOf({ sale_id: saleId, epoch, seq }: StockRow, audit: StockAudit): Doubt | undefined {
    if (!audit.loaded) return 'not_loaded';
    if (isUnsettled(audit.state)) return 'unfinished_load';
    if (audit.boot !== this.redis.bootOf(saleId)) return 'other_server';
    if (audit.epoch > epoch) return 'database_older';
    if (audit.epoch < epoch) return 'other_epoch';
    if (!audit.balanced) return 'unbalanced';
    return audit.seq < seq ? 'behind_database' : undefined;
  }
}

import { Injectable } from '@nestjs/common';
import { Database } from '../infra/database';
import { answersInTime } from '../infra/redis';
import { StockReader, StockRedis, type StockAudit, type StockFence } from '../stock';

/** Why Redis must be made from database rows again. */
export type Doubt = 'not_loaded' | 'other_server' | 'unfinished_load' | 'other_epoch'
  | 'database_older' | 'behind_database' | 'unbalanced' | 'unreadable' | 'database_is_gate'
  /** Nothing is known: the node of a Cluster that has the sale is away, or the sale is moving. */
  | 'unreachable';

/** What one look at both sides of a sale found. */
export interface Verdict {
  readonly doubt?: Doubt;
  /** In units, passing or standing: see `StockSnapshot.drift`. 0 where there is a doubt. */
  readonly drift: number;
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

  /** The doubts about these sales now; those without any are left out. Rejects when a side is away. */
  async of(saleIds: readonly string[]): Promise<Map<string, Doubt>> {
    return new Map([...await this.look(saleIds)].flatMap(([saleId, { doubt }]) =>
      doubt === undefined ? [] : [[saleId, doubt]]));
  }

  /** The same of one sale. */
  async about(saleId: string): Promise<Doubt | undefined> {
    return (await this.look([saleId])).get(saleId)?.doubt;
  }

  /** By sale id, without those that Redis has no part in. Rejects when a side is away. */
  async look(saleIds: readonly string[]): Promise<Map<string, Verdict>> {
    const rows = await this.stockRows(saleIds);
    return new Map(await Promise.all(rows.map(async (row) =>
      [row.sale_id, await this.judge(row)] as const)));
  }

  async stockRows(saleIds: readonly string[]): Promise<StockRow[]> {
    if (saleIds.length === 0) return [];
    return this.database.query<StockRow>(
      `SELECT sale_id, sale_stock.total, allocated, epoch, seq, gate,
          gate_since > NOW(3) - INTERVAL ? SECOND OR NOT EXISTS (
            SELECT 1 FROM redis_sighting WHERE seen_at > NOW(3) - INTERVAL ? SECOND) AS stays
        FROM sale_stock JOIN sales ON id = sale_id
        WHERE sale_id IN (?) AND strategy IN ('lua', 'tokens')`,
      [stayInDatabaseSeconds, sightingSeconds, saleIds]);
  }

  private async judge(row: StockRow): Promise<Verdict> {
    if (row.gate === 'database') {
      return row.stays === 0 ? { doubt: 'database_is_gate', drift: 0 } : { drift: 0 };
    }
    if (this.redis.isNodeAway(row.sale_id)) return { doubt: 'unreachable', drift: 0 };
    try {
      const audit = await this.audit(row.sale_id);
      const doubt = this.doubtOf(row, audit);
      if (doubt !== undefined) return { doubt, drift: 0 };
      return { drift: audit.available + audit.reserved + row.allocated - row.total };
    } catch (error) {
      // Keys that no script can read are one sale's fault and must not hide the others'.
      if (error instanceof Error && error.name === 'ReplyError') return { doubt: 'unreadable', drift: 0 };
      if (this.redis.isClustered) return { doubt: 'unreachable', drift: 0 };
      throw error;
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
    if (audit.state === 'loading' || audit.state === 'recovering') return 'unfinished_load';
    if (audit.boot !== this.redis.bootOf(saleId)) return 'other_server';
    if (audit.epoch > epoch) return 'database_older';
    if (audit.epoch < epoch) return 'other_epoch';
    if (!audit.balanced) return 'unbalanced';
    return audit.seq < seq ? 'behind_database' : undefined;
  }
}

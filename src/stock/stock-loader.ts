import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Database } from '../infra/database';
import { ProblemError, TemporarilyUnavailable } from '../kernel';
import type { StockStrategy } from '../sale';
import { stateText, type OrderStatus } from './record';
import { SaleEpochs } from './sale-epochs';
import { memoryLeaseMs } from './sold-out-sales';
import { relayGroup } from './stock-outbox';
import { StockRedis } from './stock-redis';

/** What Redis is told about a sale before its records. Times are milliseconds since 1970. */
export interface LoadedSale {
  saleId: string;
  /** The server that the caller saw empty of undecided reservations: the load is for no other. */
  boot: string;
  epoch: number;
  /** The run that closed the sale: it loads nothing once another has closed or opened it. */
  closer: string;
  total: number;
  seq: number;
  limitPerUser: number;
  strategy: StockStrategy;
  opensAtMs: number;
  closesAtMs: number;
  /** Adjustments that `total` already contains: a retry must not apply them again. */
  adjustmentIds: readonly string[];
}

/** A database row of an order or a tombstone, as a record. */
export interface LoadedRow {
  rid: string;
  status: Exclude<OrderStatus, 'reserved'>;
  hold: number;
  quantity: number;
  deadlineMs: number;
  seq: number;
  reservedAtMs: number;
  fingerprint: string;
  userId: string;
}

interface SpentProof {
  proof_id: string;
  rid: string;
}

const proofsPerPage = 500;

/** Makes the Redis side of a sale from database rows, whatever the occasion (S11, preload). */
@Injectable()
export class StockLoader {
  constructor(
    private readonly database: Database,
    private readonly redis: StockRedis,
    private readonly epochs: SaleEpochs,
  ) {}

  /**
   * Nothing more can be bought until a load has ended, and only that of this run can begin:
   * `closer` is an id of the run alone. A sale that is not in Redis is fine.
   */
  async close(saleId: string, closer: string): Promise<void> {
    await this.redis.run('set-state', [this.redis.keys(saleId).meta], ['recovering', closer]);
  }

  /** The operator's word. During a load it is left to the load's end, which asks the database. */
  async apply(saleId: string, state: 'open' | 'paused' | 'closed'): Promise<void> {
    await this.redis.run('set-state', [this.redis.keys(saleId).meta], [state]);
  }

  /** Redis forgets a sale that is over for good. */
  async unload(saleId: string): Promise<void> {
    const keys = this.redis.keys(saleId);
    await this.redis.connections.general.unlink(keys.meta, keys.records, keys.users, keys.due,
      keys.outbox, keys.adjustments, keys.spent, keys.tokens);
  }

  /**
   * Loads a sale onto the server that its caller looked at and opens it there. `state` is asked for at
   * the very end. Throws TEMPORARILY_UNAVAILABLE when the server went away or another run closed the
   * sale: it stays closed, and recovery starts again.
   */
  async load(sale: LoadedSale, pages: AsyncIterable<readonly LoadedRow[]>,
    state: () => Promise<'open' | 'paused' | 'closed'>): Promise<void> {
    const keys = this.redis.keys(sale.saleId);
    const { boot, closer } = sale;
    const run = async (name: string, scriptKeys: string[], args: readonly (string | number)[]) => {
      const reply = await this.redis.runFenced(name, scriptKeys, (current) => {
        if (current !== boot) throw new Error('Redis was replaced during the load');
        return args;
      }) as number;
      if (reply < 0) throw overtaken(`${name} answered ${reply} for sale ${sale.saleId}`);
    };
    await run('load-begin', [keys.meta, keys.records, keys.users, keys.due, keys.outbox,
      keys.adjustments, keys.tokens], [sale.epoch, boot, sale.total, sale.seq, sale.limitPerUser,
      sale.opensAtMs, sale.closesAtMs, relayGroup, sale.strategy, closer,
      ...sale.adjustmentIds]);
    for await (const rows of pages) {
      if (rows.length === 0) continue;
      await run('load-records', [keys.meta, keys.records, keys.users, keys.due, keys.tokens],
        [closer, ...rows.flatMap((row) => [row.rid, stateText(row.status, row.hold), row.quantity,
          row.deadlineMs, row.seq, row.reservedAtMs, row.fingerprint, row.userId])]);
    }
    for await (const proofs of this.spentProofs(sale.saleId)) {
      await run('load-proofs', [keys.meta, keys.spent],
        [closer, ...proofs.flatMap((proof) => [proof.proof_id, proof.rid])]);
    }
    // Of an earlier server a process may have been allowed to answer from memory for that long.
    await sleep(Math.max(0, memoryLeaseMs - this.redis.servesForMs));
    await run('open', [keys.meta], [closer, boot, await state()]);
    this.epochs.announce(sale.saleId);
    // Between the question and `open` the operator may have decided anew, and told Redis before we do.
    for (let told = await state(); ;) {
      await this.apply(sale.saleId, told);
      const decided = await state();
      if (decided === told) return;
      told = decided;
    }
  }

  /** What was spent where the database admitted the buyer, in pages that are not empty. */
  private async *spentProofs(saleId: string): AsyncGenerator<SpentProof[]> {
    for (let last = ''; ;) {
      const proofs = await this.database.query<SpentProof>(
        `SELECT proof_id, rid FROM spent_proofs WHERE sale_id = ? AND proof_id > ?
          ORDER BY proof_id LIMIT ?`, [saleId, last, proofsPerPage]);
      const end = proofs.at(-1);
      if (!end) return;
      yield proofs;
      last = end.proof_id;
    }
  }
}

function overtaken(reason: string): ProblemError {
  return new TemporarilyUnavailable('The sale is being recovered. Ask again.',
    { cause: new Error(reason) });
}

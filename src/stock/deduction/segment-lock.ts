import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { Transaction } from '../../infra/database';
import { LuaCommands, readLuaScripts } from '../../infra/redis';
import { newId } from '../../kernel';
import type { Movement } from '../movement';
import type { StockRedis } from '../stock-redis';
import type { Deduction, Taking, Turn } from './deduction';
import { unitsOf } from './optimistic';

const segments = 16;
/** Longer than a purchase takes; a holder that is slower is refused by his token. */
const leaseMs = 5_000;

interface SegmentRow {
  segment: number;
  free: number;
}

/**
 * The stock in sixteen parts, each behind a lock in Redis; one lock per buyer beside it. Whoever finds
 * a lock taken is told so at once. A lock may run out under its holder, so the row remembers the
 * highest token that wrote, and refuses a lower one. A part that is empty is no sold-out sale: what is
 * missing is taken from the others.
 */
export class SegmentLockDeduction implements Deduction {
  private readonly commands: LuaCommands;

  constructor(private readonly redis: StockRedis) {
    this.commands = new LuaCommands(redis.connections.general,
      readLuaScripts(join(__dirname, 'lua')));
  }

  async enter(saleId: string, userId: string): Promise<Turn | undefined> {
    const holder = newId('turn');
    const { meta } = this.redis.keys(saleId);
    const buyer = `${meta}:lock:buyer:${hash('sha256', userId, 'base64url')}`;
    const segment = `${meta}:lock:segment:${homeOf(userId)}`;
    const token = Number(await this.commands.run('lock-segment',
      [buyer, segment, `${meta}:lock:tokens`], [holder, leaseMs]));
    if (token < 0) throw new Error(`The locks of sale ${saleId} cannot be read`);
    if (token === 0) return undefined;
    return { token, leave: async () => {
      await this.commands.run('unlock-segment', [buyer, segment], [holder]);
    } };
  }

  async take(transaction: Transaction, saleId: string, movements: readonly Movement[],
    token: number): Promise<Taking> {
    const rows = await transaction.query<SegmentRow>(
      `SELECT segment, total - allocated AS free FROM stock_segments
        WHERE sale_id = ? AND allocated < total`, [saleId]);
    if (rows.reduce((units, { free }) => units + free, 0) < unitsOf(movements)) return 'gone';
    if (token > 0 && !await this.isLatest(transaction, saleId, movements, token)) return 'busy';
    for (const movement of movements) {
      if (!await this.takeOne(transaction, saleId, movement, rows)) return 'busy';
    }
    return 'taken';
  }

  async giveBack(transaction: Transaction, saleId: string,
    movements: readonly Movement[]): Promise<void> {
    const rids = movements.map(({ rid }) => rid);
    const holds = await transaction.query<{ segment: number; quantity: string }>(
      `SELECT segment, SUM(quantity) AS quantity FROM stock_segment_holds
        WHERE sale_id = ? AND rid IN (?) GROUP BY segment ORDER BY segment`, [saleId, rids]);
    for (const { segment, quantity } of holds) {
      await transaction.execute(
        `UPDATE stock_segments SET allocated = allocated - ? WHERE sale_id = ? AND segment = ?`,
        [Number(quantity), saleId, segment]);
    }
    await transaction.execute(
      'DELETE FROM stock_segment_holds WHERE sale_id = ? AND rid IN (?)', [saleId, rids]);
  }

  async resize(transaction: Transaction, saleId: string, delta: number): Promise<boolean> {
    if (delta > 0) {
      await transaction.execute(
        `INSERT INTO stock_segments (sale_id, segment, total) VALUES ?
          ON DUPLICATE KEY UPDATE total = total + VALUES(total)`,
        [Array.from({ length: segments }, (_, segment) => [saleId, segment,
          Math.floor(delta / segments) + (segment < delta % segments ? 1 : 0)])]);
      return true;
    }
    let left = -delta;
    const rows = await transaction.query<SegmentRow>(
      `SELECT segment, total - allocated AS free FROM stock_segments
        WHERE sale_id = ? ORDER BY segment FOR UPDATE`, [saleId]);
    for (const { segment, free } of rows) {
      const units = Math.min(left, free);
      left -= units;
      if (units > 0) {
        await transaction.execute(
          'UPDATE stock_segments SET total = total - ? WHERE sale_id = ? AND segment = ?',
          [units, saleId, segment]);
      }
    }
    return left === 0;
  }

  /** Nobody who got the lock of the buyer's part later has written; he has it now. */
  private async isLatest(transaction: Transaction, saleId: string,
    movements: readonly Movement[], token: number): Promise<boolean> {
    const { affectedRows } = await transaction.execute(
      'UPDATE stock_segments SET fence = ? WHERE sale_id = ? AND segment = ? AND fence <= ?',
      [token, saleId, homeOf(movements[0]?.userId ?? ''), token]);
    return affectedRows === 1;
  }

  /** From the buyer's own part first, then from the others in their order. */
  private async takeOne(transaction: Transaction, saleId: string,
    { rid, userId, quantity }: Movement, rows: SegmentRow[]): Promise<boolean> {
    const home = homeOf(userId);
    let left = quantity;
    for (const row of rows.toSorted((a, b) => distance(a, home) - distance(b, home))) {
      const units = Math.min(left, row.free);
      if (units === 0) continue;
      const { affectedRows } = await transaction.execute(
        `UPDATE stock_segments SET allocated = allocated + ?
          WHERE sale_id = ? AND segment = ? AND allocated + ? <= total`,
        [units, saleId, row.segment, units]);
      if (affectedRows !== 1) return false;
      await transaction.execute(
        'INSERT INTO stock_segment_holds (sale_id, rid, segment, quantity) VALUES (?, ?, ?, ?)',
        [saleId, rid, row.segment, units]);
      row.free -= units;
      left -= units;
    }
    return left === 0;
  }
}

function homeOf(userId: string): number {
  return parseInt(hash('sha256', userId, 'hex').slice(0, 8), 16) % segments;
}

function distance({ segment }: SegmentRow, home: number): number {
  return (segment - home + segments) % segments;
}

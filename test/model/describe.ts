import { recordLetters } from '../../src/stock/record';
import { letterOf } from './moves';
import { at, type State } from './state';
import type { World } from './world';

/** Who stands behind the letters of a trace. */
export function legendOf({ attempts }: World): string {
  return attempts.map(({ sale, buyer, quantity }, rid) =>
    `${letterOf(rid)}: ${buyer}, ${quantity} of sale ${sale}`).join(' · ');
}

/** One state on one line: records by letter and epoch, rows by status, jobs by phase. */
export function describeState({ attempts }: World, state: State): string {
  const sales = state.stocks.map((stock, sale) => {
    const meta = at(state.redis.metas, sale);
    const gate = stock.gate === 'redis' ? '' : 'is the gate, ';
    const server = meta.boot === state.boot ? 'live' : 'other server';
    return `redis ${meta.state} (${server}) epoch ${meta.epoch} A${meta.available} `
      + `H${meta.reserved} O${meta.ordered} S${meta.sold} · database ${gate}epoch ${stock.epoch} `
      + `L${stock.allocated}/${stock.total}`;
  });
  const rids = attempts.map((_, rid) => {
    const hold = state.redis.holds[rid];
    const row = state.rows[rid];
    const parts = [hold && `record ${recordLetters[hold.status]}${hold.hold > 1 ? hold.hold : ''}`
      + `@${hold.epoch}`, row && `row ${row.status}${row.isOverdue ? ' overdue' : ''}`,
    ...at(state.redis.outbox, rid).map(({ epoch }) => `outbox @${epoch}`),
    ...(row ? [] : at(state.jobs, rid).map(({ epoch, phase }) => `job @${epoch} ${phase}`))];
    const words = parts.filter((part) => part !== undefined).join(', ');
    return `${letterOf(rid)}: ${words || 'nothing'}`;
  });
  const runners = state.runners.map(({ phase, epoch }) => `S11 ${phase} (epoch ${epoch})`);
  return [...sales, ...rids, ...runners].join(' | ');
}

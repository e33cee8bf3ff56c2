import { entriesPerBuyerAtMost, TimelineBuffer } from './timeline-buffer';
import type { TimelineEvent } from './timeline-entry';

const event = (change: Partial<TimelineEvent> = {}): TimelineEvent =>
  ({ saleId: 'pens', userId: 'ann', atMs: 1_000, outcome: 'RATE_LIMITED', ...change });

describe('TimelineBuffer', () => {
  const entriesOf = (buffer: TimelineBuffer, userId = 'ann') =>
    buffer.take().get('pens')?.get(userId);

  it('makes one entry of a flood of equal refusals', () => {
    const buffer = new TimelineBuffer();
    for (let i = 0; i < 50_000; i += 1) buffer.add(event({ atMs: 1_000 + i, available: i }));
    expect(entriesOf(buffer)).toEqual([expect.objectContaining(
      { atMs: 1_000, lastAtMs: 50_999, count: 50_000, available: 0 })]);
  });

  it('keeps apart what differs in outcome, quantity or order, and what something lies between', () => {
    const buffer = new TimelineBuffer();
    const changes: Partial<TimelineEvent>[] = [{}, { quantity: 1 }, { quantity: 2 },
      { outcome: 'accepted', rid: 'a' }, { outcome: 'accepted', rid: 'b' }, {}];
    for (const change of changes) buffer.add(event(change));
    expect(entriesOf(buffer)?.map(({ outcome, quantity, rid, count }) =>
      ({ outcome, quantity, rid, count }))).toEqual(changes.map((change) =>
      ({ outcome: 'RATE_LIMITED', quantity: undefined, rid: undefined, count: 1, ...change })));
  });

  it('forgets the oldest of a buyer who gets ever new answers', () => {
    const buffer = new TimelineBuffer();
    for (let quantity = 1; quantity <= 50_000; quantity += 1) buffer.add(event({ quantity }));
    const quantities = entriesOf(buffer)?.map(({ quantity }) => quantity);
    expect(quantities).toHaveLength(entriesPerBuyerAtMost);
    expect(quantities?.at(-1)).toBe(50_000);
  });

  it('takes no more than 10,000 entries between two flushes, but counts on for those it has', () => {
    const buffer = new TimelineBuffer();
    for (let i = 0; i < 10_000; i += 1) buffer.add(event({ userId: `user-${i}` }));
    expect(buffer.add(event({ userId: 'too-late' }))).toBe(false);
    expect(buffer.add(event({ userId: 'user-7' }))).toBe(true);
    const buyers = buffer.take().get('pens');
    expect([buyers?.size, buyers?.get('user-7')?.[0]?.count]).toEqual([10_000, 2]);
    expect(buffer.add(event({ userId: 'after the flush' }))).toBe(true);
  });

  it('never ends an entry before it begins, though the clock is set back', () => {
    const buffer = new TimelineBuffer();
    buffer.add(event({ atMs: 1_000 }));
    buffer.add(event({ atMs: 990 }));
    expect(entriesOf(buffer)).toMatchObject([{ atMs: 1_000, lastAtMs: 1_000, count: 2 }]);
  });
});

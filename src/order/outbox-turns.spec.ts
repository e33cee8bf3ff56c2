import { OutboxTurns } from './outbox-turns';

const few = Array.from({ length: 16 }, (_, index) => `sale-${index}`);
const many = Array.from({ length: 17 }, (_, index) => `sale-${index}`);

describe('OutboxTurns', () => {
  it('reads all of a few sales each time', () => {
    const turns = new OutboxTurns();
    turns.took(['sale-3']);
    for (const nowMs of [0, 4, 8]) {
      expect(turns.next(few, nowMs)).toEqual({ saleIds: few, blockMs: 250 });
    }
  });

  it('waits at all of many sales while none has anything', () => {
    const turns = new OutboxTurns();
    for (const nowMs of [0, 4, 8]) {
      expect(turns.next(many, nowMs)).toEqual({ saleIds: many, blockMs: 250 });
      turns.took([]);
    }
  });

  it('reads those of many that had something, and after 200 ms all again, so that none waits longer', () => {
    const turns = new OutboxTurns();
    turns.next(many, 1_000);
    turns.took(['sale-3', 'sale-9']);
    expect(turns.next(many, 1_004)).toEqual({ saleIds: ['sale-3', 'sale-9'], blockMs: 200 });
    turns.took(['sale-9']);
    expect(turns.next(many, 1_199)).toEqual({ saleIds: ['sale-9'], blockMs: 200 });
    turns.took(['sale-9']);
    expect(turns.next(many, 1_200)).toEqual({ saleIds: many, blockMs: 250 });
    turns.took(['sale-1']);
    expect(turns.next(many, 1_204)).toEqual({ saleIds: ['sale-1'], blockMs: 200 });
  });

  it('reads all as soon as those that had something have nothing more, or are over', () => {
    const turns = new OutboxTurns();
    turns.next(many, 0);
    turns.took(['sale-3']);
    turns.next(many, 4);
    turns.took([]);
    expect(turns.next(many, 8).saleIds).toEqual(many);
    turns.took(['sale-over']);
    expect(turns.next(many, 12).saleIds).toEqual(many);
  });
});

import { Blocks } from './blocks';
import { Refusals } from './refusals';

const refusals = new Refusals({ name: 'user', windows: [], sentence: 'Too often.' });

describe('the memory of who is refused', () => {
  it('forgets at the moment at which the block ends', () => {
    const blocks = new Blocks();
    blocks.add('eve', { endsAtMs: 1_000, refusals });
    expect(blocks.find('eve', 999.9)).toEqual({ endsAtMs: 1_000, refusals });
    expect(blocks.find('bob', 999.9)).toBeUndefined();
    expect(blocks.find('eve', 1_000)).toBeUndefined();
    expect(blocks.size).toBe(0);
  });

  it('keeps the longer of two answers, whichever came last', () => {
    const blocks = new Blocks();
    for (const endsAtMs of [2_000, 5_000, 3_000]) blocks.add('eve', { endsAtMs, refusals });
    expect(blocks.find('eve', 0)?.endsAtMs).toBe(5_000);
  });

  it('stays bounded under a flood of identities, and keeps those that are blocked longest', () => {
    const blocks = new Blocks(1_000);
    blocks.add('long', { endsAtMs: 1_000_000, refusals });
    for (let i = 0; i < 20_000; i += 1) {
      blocks.add(`bot${i}`, { endsAtMs: 1_000 + i % 7_000, refusals });
      expect(blocks.size).toBeLessThanOrEqual(1_000);
    }
    expect(blocks.find('long', 999_999)).toBeDefined();
    expect(blocks.size).toBeGreaterThan(700);
  });

  it('stays bounded when all blocks end at the same moment', () => {
    const blocks = new Blocks(100);
    for (let i = 0; i < 1_000; i += 1) blocks.add(`bot${i}`, { endsAtMs: 1_000, refusals });
    expect(blocks.size).toBeLessThanOrEqual(100);
    expect(blocks.find('bot999', 0)).toBeDefined();
  });
});

import type { Random } from './random';

/** What one shopper is going to do. */
export interface Plan {
  quantity: number;
  /** Before he buys, and before he does anything with his order. */
  pauseMs: number;
  lookMs: number;
  /** `Prefer: wait`; 0 for none. */
  waitsSeconds: number;
  /** Presses the button twice at once; sends his purchase again after the answer. */
  asksTwice: boolean;
  asksAgain: boolean;
  ending: 'pays' | 'cancels' | 'pays and cancels' | 'is spied on' | 'leaves';
}

/** Units that each shopper may hold, and the most that one of them asks for. */
export const limitPerUser = 2;

const endings = ['pays', 'pays', 'pays', 'cancels', 'cancels', 'pays and cancels', 'is spied on',
  'leaves', 'leaves', 'leaves'] as const;

export function planOf(random: Random, pauseAtMostMs: number): Plan {
  return {
    quantity: random.chance(0.3) ? limitPerUser : 1,
    pauseMs: random.integer(0, pauseAtMostMs),
    lookMs: random.integer(0, 400),
    waitsSeconds: random.chance(0.1) ? 1 : 0,
    asksTwice: random.chance(0.1),
    asksAgain: random.chance(0.15),
    ending: random.pick(endings),
  };
}

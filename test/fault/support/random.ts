import { hash } from 'node:crypto';

/** Numbers that look random and come again with the same seed (mulberry32). */
export class Random {
  private state: number;

  constructor(private readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to 1, without it. */
  readonly next = (): number => {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  real(minimum: number, maximum: number): number {
    return minimum + this.next() * (maximum - minimum);
  }

  /** Both ends are included. */
  integer(minimum: number, maximum: number): number {
    return minimum + Math.floor(this.next() * (maximum - minimum + 1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  /** Throws when there is nothing to choose from. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error('There is nothing to choose from');
    return item;
  }

  /** Numbers of its own for a part, the same however many were taken from here before. */
  sub(name: string): Random {
    return new Random(Number.parseInt(hash('sha256', `${this.seed}:${name}`).slice(0, 8), 16));
  }
}

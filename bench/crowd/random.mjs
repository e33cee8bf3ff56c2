/** A source of chance that says the same for the same seed (mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** 0 <= x < 1 */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least, most) {
    return least + this.next() * (most - least);
  }

  /** least <= integer <= most */
  integer(least, most) {
    return Math.floor(this.between(least, most + 1));
  }

  chance(share) {
    return this.next() < share;
  }

  pick(values) {
    return values[this.integer(0, values.length - 1)];
  }

  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** As people take their time: half of them less than the median, few of them very long. */
  lognormal(median, spread) {
    return median * Math.exp(spread * this.normal());
  }

  /** A source of its own, so that what one person draws does not depend on the others' timing. */
  fork() {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}

const quietAtOnce = 250;

/**
 * Whom somebody who looks again and again looks at next: all that are busy, and so many of the quiet in
 * turn that a thousand quiet sales cost little. A few hundred are all looked at each time.
 */
export class Turns {
  private turn = 0;

  next(all: readonly string[], isBusy: (id: string) => boolean): string[] {
    const { busy = [], quiet = [] } = Object.groupBy(all, (id) => isBusy(id) ? 'busy' : 'quiet');
    if (this.turn >= quiet.length) this.turn = 0;
    const chosen = quiet.slice(this.turn, this.turn + quietAtOnce);
    this.turn += quietAtOnce;
    return [...busy, ...chosen];
  }
}

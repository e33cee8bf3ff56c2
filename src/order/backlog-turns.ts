const quietAtOnce = 250;

/**
 * Whose backlog is looked at next: always of the sales that had one at the last look, and of the others
 * so many in turn that a thousand quiet sales cost little.
 */
export class BacklogTurns {
  private turn = 0;

  next(live: readonly string[], isBusy: (saleId: string) => boolean): string[] {
    const { busy = [], quiet = [] } = Object.groupBy(live, (saleId) =>
      isBusy(saleId) ? 'busy' : 'quiet');
    if (this.turn >= quiet.length) this.turn = 0;
    const chosen = quiet.slice(this.turn, this.turn + quietAtOnce);
    this.turn += quietAtOnce;
    return [...busy, ...chosen];
  }
}

const looksBefore = 5;

/** Tells a drift that stands still from passing ones, by the looks of one watch. */
export class StandingDrift {
  private seen: ReadonlyMap<string, { drift: number; looks: number }> = new Map();

  /** Takes the drift of each sale, in units. Returns those where it is the same for the fifth time. */
  note(drifts: ReadonlyMap<string, number>): string[] {
    this.seen = new Map([...drifts].filter(([, drift]) => drift !== 0).map(([saleId, drift]) => {
      const before = this.seen.get(saleId);
      return [saleId, { drift, looks: before?.drift === drift ? before.looks + 1 : 1 }];
    }));
    return [...this.seen].filter(([, { looks }]) => looks === looksBefore).map(([saleId]) => saleId);
  }
}

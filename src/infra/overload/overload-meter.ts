/** 0 calm · 1 busy: what is cheapest to do without is refused · 2 heavy: new purchases, too. */
export type OverloadLevel = 0 | 1 | 2;

/** The event loop since the last sample. */
export interface LoopSample {
  /** Mean time by which a timer was late. */
  readonly delayMs: number;
  /** Share of the time in which the loop had something to do. */
  readonly utilization: number;
}

/**
 * Mean delays at which a level begins and ends. A request meets the delay some ten times on its way
 * (head, body, each reply of Redis, answer): at 40 ms a buyer notices, at 120 ms he presses again.
 */
const levels = [{ level: 1, risesMs: 40, fallsMs: 20 }, { level: 2, risesMs: 120, fallsMs: 60 }] as const;
/** The weight of one sample: five of them, a second, outweigh what was before. */
const smoothing = 0.2;
/** What one sample counts at most: a single long pause makes no process heavy. */
const delayAtMostMs = 500;
/** A loop that rests was late because the machine was busy with others: shedding would not help. */
const utilizationAtLeast = 0.5;
/** By sample: from nobody to all new buyers in four seconds, and back in ten. */
const pressureStep = 0.05;
const reliefStep = 0.02;
/** All new buyers, and of those already admitted nearly all. */
export const pressureAtMost = 1.9;

/** Judges the event loop by samples, five of them a second. */
export class OverloadMeter {
  private smoothedMs = 0;
  private current: OverloadLevel = 0;
  private pressed = 0;

  get level(): OverloadLevel {
    return this.current;
  }

  /** From 0 to 1 the share of new buyers to refuse; above 1 also a share of those admitted. */
  get pressure(): number {
    return this.pressed;
  }

  take({ delayMs, utilization }: LoopSample): void {
    const isOurs = utilization >= utilizationAtLeast;
    const counted = isOurs ? Math.min(delayMs, delayAtMostMs) : 0;
    this.smoothedMs += smoothing * (counted - this.smoothedMs);
    this.current = this.levelNow();
    // As many are refused as are too many: which share that is, only trying tells.
    this.pressed = this.current === 2 ? Math.min(pressureAtMost, this.pressed + pressureStep)
      : Math.max(0, this.pressed - reliefStep);
  }

  /** A level that was reached is kept until its lower end. */
  private levelNow(): OverloadLevel {
    let now: OverloadLevel = 0;
    for (const { level, risesMs, fallsMs } of levels) {
      if (this.smoothedMs >= (this.current >= level ? fallsMs : risesMs)) now = level;
    }
    return now;
  }
}

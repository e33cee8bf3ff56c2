// The opening minute, in steps of 10 ms: a crowd as a fluid that flows from queue to queue.
import {
  canKnow, costsOf, hottestCost, knowingCost, requestsBetween, writtenPerSecond,
} from './sizing.mjs';

export const openingSeconds = 60;
const stepSeconds = 0.01;
const stepsPerSample = 20;
const stepsPerPoint = 5;
/** Until then there is a point for each step: so long is what everybody wants to see. */
const closeLookSeconds = 2;
/** A command that Redis has not answered by then is given up, and its buyer told to come back. */
const redisPatienceSeconds = 1.5;
/** Those told to come back are sent away for a time between none and this. */
const comeBackSteps = 400;
/** A request takes so many turns of the event loop, and meets its delay in each. */
const turnsPerRequest = 10;
/** Of the backlog that is allowed: from here on fewer and fewer new buyers pass. */
const backlogBusy = 0.8;

/**
 * Requests at a moment are somewhere, and only in one place:
 * `arrived = turnedAway + refusedInMemory + shed + soldOut + held + waiting + asking`.
 *
 * @param {object} sale as `readOptions` returns it
 * @param {Record<string, { value: number }>} figures as `readFigures` returns them
 * @param {{ processes: number, redisServers: number, writers: number }} machines
 * @param {{ pressure: number, take(sample: { delayMs: number, utilization: number }): void }} meter
 *   the product's own OverloadMeter: it decides whom an API process tells to come back
 * @returns {{ end: object, points: object[] }} totals at the end, and points
 *   with the totals so far, 10 ms apart in the first two seconds, 50 ms apart after them
 */
export function simulate(sale, figures, machines, meter) {
  const minute = new OpeningMinute(sale, figures, machines, meter);
  minute.point(0);
  for (let step = 0; step < openingSeconds / stepSeconds; step += 1) minute.advance(step);
  return { end: minute.end(), points: minute.points };
}

class OpeningMinute {
  points = [];
  total = { arrived: 0, cameBack: 0, turnedAway: 0, refusedInMemory: 0, shed: 0, soldOut: 0,
    held: 0, written: 0 };
  /** Requests that no process has looked at, and that Redis has not answered. */
  waiting = 0;
  asking = 0;
  /** Seconds that all processes together spend on one of those who wait. */
  costOfOne = 0;
  returning = [];
  longestWaitSeconds = 0;
  highestPressure = 0;
  busySeconds = 0;
  soldOutAtSeconds = null;
  knownAtSeconds = null;
  writtenAtSeconds = null;

  constructor(sale, figures, machines, meter) {
    Object.assign(this, { sale, machines, meter, costs: costsOf(figures) });
    const { redisServers, processes, writers } = machines;
    this.askCost = hottestCost(sale, this.costs, redisServers);
    this.knowing = knowingCost(sale, this.costs, redisServers, processes);
    /** Seconds of Redis until every process knows who has bought. */
    this.toLearn = canKnow(sale) ? this.knowing.learning : Infinity;
    this.writtenPerStep = writtenPerSecond(sale, figures, writers) * stepSeconds;
  }

  get left() {
    return remainder(this.sale.units, this.total.held);
  }

  get backlog() {
    return remainder(this.total.held, this.total.written);
  }

  /** Whether memory says "sold out" to whoever has not bought. */
  get isKnown() {
    return this.left === 0 && this.toLearn === 0;
  }

  get pressure() {
    const share = this.backlog / (this.sale.backlogPerSale * this.sale.sales);
    return Math.min(1, Math.max(this.meter.pressure, (share - backlogBusy) / (1 - backlogBusy)));
  }

  get waitSeconds() {
    return this.waiting * this.costOfOne + this.asking * this.askCost;
  }

  advance(step) {
    const second = step * stepSeconds;
    this.arrive(step, second);
    this.look(step);
    this.ask(step);
    this.total.written += Math.min(this.backlog, this.writtenPerStep);
    if ((step + 1) % stepsPerSample === 0) this.measure();
    this.note(step, second + stepSeconds);
  }

  /** A process has a connection for so many at once; the others find the door closed. */
  arrive(step, second) {
    const back = this.returning[step] ?? 0;
    const come = requestsBetween(this.sale, second, second + stepSeconds) + back;
    const room = this.machines.processes * this.sale.maxConnections - this.waiting - this.asking;
    const refused = Math.max(0, come - room);
    this.total.arrived += come;
    this.total.cameBack += back;
    this.waiting += come - refused;
    this.sendAway('turnedAway', refused, step);
  }

  /** The API processes: the front gate refuses or sheds, the others go on to Redis. */
  look(step) {
    const { refusedInMemory } = this.sale;
    const { refusal, soldOut, held } = this.costs.api;
    const others = 1 - refusedInMemory;
    const shed = this.isKnown ? 0 : others * this.pressure;
    const restCost = this.isKnown ? soldOut : held;
    const work = refusal * (refusedInMemory + shed) + restCost * (others - shed);
    this.costOfOne = work / this.machines.processes;
    const looked = Math.min(this.waiting, stepSeconds / this.costOfOne);
    this.busySeconds += looked * this.costOfOne;
    this.waiting -= looked;
    this.total.refusedInMemory += looked * refusedInMemory;
    if (this.isKnown) this.total.soldOut += looked * others;
    else this.asking += looked * (others - shed);
    this.sendAway('shed', looked * shed, step);
  }

  /** The busiest Redis server: units as long as there are any and their orders can wait. */
  ask(step) {
    const { backlogPerSale, sales } = this.sale;
    const room = Math.max(0, backlogPerSale * sales - this.backlog);
    let seconds = stepSeconds * (this.isKnown ? Math.max(0, 1 - this.knowing.perSecond) : 1);
    const held = Math.min(this.asking, this.left, room, seconds / this.askCost);
    this.total.held += held;
    this.asking -= held;
    seconds -= held * this.askCost + this.learn(seconds - held * this.askCost);
    const refused = Math.min(this.asking, Math.max(0, seconds) / this.askCost);
    this.asking -= refused;
    // Units that are left had no room for their orders: that is a 503, and not the end.
    if (this.left > 0) this.sendAway('shed', refused, step);
    else this.total.soldOut += refused;
    const late = Math.max(0, this.asking - redisPatienceSeconds / this.askCost);
    this.asking -= late;
    this.sendAway('shed', late, step);
  }

  /** Processes learn who has bought, beside those who still ask; returns the seconds it took. */
  learn(seconds) {
    if (this.left > 0) return 0;
    const taken = Math.min(this.toLearn, this.asking > 0 ? seconds / 2 : seconds);
    this.toLearn -= taken;
    return taken;
  }

  sendAway(how, count, step) {
    this.total[how] += count;
    const share = count * this.sale.comeBack / comeBackSteps;
    if (share === 0) return;
    for (let later = step + 1; later <= step + comeBackSteps; later += 1) {
      this.returning[later] = (this.returning[later] ?? 0) + share;
    }
  }

  measure() {
    const delayMs = this.waiting * this.costOfOne * 1_000 / turnsPerRequest;
    this.meter.take({ delayMs, utilization: this.busySeconds / (stepsPerSample * stepSeconds) });
    this.busySeconds = 0;
  }

  note(step, second) {
    this.longestWaitSeconds = Math.max(this.longestWaitSeconds, this.waitSeconds);
    this.highestPressure = Math.max(this.highestPressure, this.pressure);
    if (this.left === 0) this.soldOutAtSeconds ??= second;
    if (this.isKnown) this.knownAtSeconds ??= second;
    if (this.left === 0 && this.backlog === 0) this.writtenAtSeconds ??= second;
    if (second > closeLookSeconds && (step + 1) % stepsPerPoint !== 0) return;
    this.point(second);
  }

  point(second) {
    const { waiting, asking, waitSeconds, left, backlog, pressure } = this;
    this.points.push({ second, ...this.total, waiting, asking, waitSeconds, left, backlog,
      pressure });
  }

  end() {
    const { waiting, asking, left, backlog } = this;
    return { ...this.total, waiting, asking, left, backlog,
      longestWaitSeconds: this.longestWaitSeconds, highestPressure: this.highestPressure,
      soldOutAtSeconds: this.soldOutAtSeconds, knownAtSeconds: this.knownAtSeconds,
      writtenAtSeconds: this.writtenAtSeconds,
      /** What is not written by then takes so long, if nobody buys any more. */
      restSeconds: backlog / (this.writtenPerStep / stepSeconds) };
  }
}

/** What is left of a sum of many small parts, which misses zero by a little. */
function remainder(whole, taken) {
  const rest = whole - taken;
  return rest > whole * 1e-12 ? rest : 0;
}

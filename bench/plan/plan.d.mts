/** Types of plan.mjs for the tests that are written in TypeScript. */
import type { OverloadMeter } from '../../src/infra/overload/overload-meter';

/** Numbers of `options.mjs`, as far as the tests read them; undefined where none was given. */
export interface PlannedSale {
  qps: number;
  units: number;
  sales: number;
  decaySeconds: number;
  headroom: number;
  processes?: number;
  redisServers?: number;
  writers?: number;
}

export interface Figure {
  value: number;
  unit: string;
  what: string;
  /** Measured when, given by which flag, or assumed why. */
  from: string;
}

export type Figures = Record<string, Figure>;

export interface Machines {
  processes: number;
  redisServers: number;
  writers: number;
}

export interface Size extends Machines {
  apiUtilization: number;
  redisUtilization: number;
  ordersPerSecond: number;
  databaseCores: number;
  redisBytes: number;
  bitsInPerSecond: number;
  inFlight: number;
  redisConnections: number;
  databaseConnections: number;
  machines: { application: number; redis: number; database: number };
  machineHours: number;
  price?: number;
}

/** Requests, and where they are. */
export interface Totals {
  arrived: number;
  cameBack: number;
  turnedAway: number;
  refusedInMemory: number;
  shed: number;
  soldOut: number;
  held: number;
  written: number;
  waiting: number;
  asking: number;
  left: number;
  backlog: number;
}

export interface Minute {
  end: Totals & {
    longestWaitSeconds: number;
    soldOutAtSeconds: number | null;
    knownAtSeconds: number | null;
    writtenAtSeconds: number | null;
    restSeconds: number;
  };
  points: (Totals & { second: number; waitSeconds: number; pressure: number })[];
}

export function readOptions(args: string[]): {
  sale: PlannedSale; given: Record<string, number>; results?: string; out: string;
};
export function readFigures(results: object, given: Record<string, number>): Figures;
export function sizeOf(sale: PlannedSale, figures: Figures): Size;
export function simulate(sale: PlannedSale, figures: Figures, machines: Machines,
  meter: OverloadMeter): Minute;
export function drawMinute(points: Minute['points'], title: string): string;
export function describePlan(plan: {
  sale: PlannedSale; figures: Figures; size: Size; minute: Minute; machine: string;
}): string;
export function warnings(plan: {
  sale: PlannedSale; figures: Figures; size: Size; minute: Minute;
}): string[];

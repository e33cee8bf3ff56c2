/** Types of load.mjs for the test that is written in TypeScript. */

/** Each array has one entry a request; times are milliseconds. */
export interface PlayedRequests {
  startedAt: Float64Array;
  tookMs: Float64Array;
  statuses: Uint16Array;
  bodies?: string[];
  examples: Record<number, string>;
  bytesIn: number;
  bytesOut: number;
  cpuSeconds: number;
}

export class Generator implements AsyncDisposable {
  play(program: { url: string }, requests: readonly string[], options?: {
    arrivals?: Float64Array; connections?: number; keepBodies?: boolean;
  }): Promise<PlayedRequests>;
  [Symbol.asyncDispose](): Promise<void>;
}

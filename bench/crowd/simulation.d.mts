/** Types of simulation.mjs for the test that is written in TypeScript. */

/** Sizes and shares of `options.mjs`; `seconds` is how long people press after the opening. */
export interface CrowdOptions {
  seed: number;
  scale: number;
  stock: number;
  payWindowSeconds: number;
  seconds: number;
  honest: number;
  scripts: number;
  rings: number;
  ringAccounts: number;
  solvingRingsShare: number;
  distributed: number;
  boughtShare: number;
  solvingShare: number;
  mimics: number;
}

/** What `GET /admin/v1/sales/{id}/stock` says, as far as the simulation reads it. */
export interface CrowdStock {
  inFlight: number;
  drift: number;
  redis: { reserved: number };
  database: { pendingPayment: number };
}

export interface GroupReport {
  people: number;
  requests: number;
  /** Answers by problem code, with the throttle that refused; `OK` for a unit. */
  outcomes: Record<string, number>;
  captchasAsked: number;
  captchasSolved: number;
  unitsHeld: number;
  unitsPaid: number;
  unitsUnpaid: number;
  unitsFrozen: number;
  unitsGivenBack: number;
}

export interface CrowdReport {
  groups: Record<'honest' | 'script' | 'ring' | 'distributed' | 'mimic', GroupReport>;
  requests: number;
  /** Shares are 0 to 1. */
  botShareOfRequests: number;
  unitsKept: number;
  honestShareOfUnits: number;
  honestRefusedAsBots: number;
  honestRefusedShare: number;
  refused: object[];
  botsWithUnits: object[];
  oversold: number;
  latencyMs: { p50: number; p99: number };
}

export function simulate(sale: {
  /** Of the running product, which believes X-Forwarded-For from this machine. */
  url: string;
  saleId: string;
  opensAtMs: number;
  jwtSecret: string;
  webhookSecret: string;
  readStock: () => Promise<CrowdStock>;
  options: CrowdOptions;
}): Promise<CrowdReport>;

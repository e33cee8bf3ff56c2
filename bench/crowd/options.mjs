// Who comes, how many of each, and for how long; each a flag of `npm run crowd -- --name=value`.
import { parseArgs } from 'node:util';

const defaults = {
  seed: 20_261_121,
  /** Units on sale, one a buyer. */
  stock: 500,
  payWindowSeconds: 15,
  /** What all sizes are multiplied with, for a slower machine. */
  scale: 1,
  /** From the opening until nobody presses any more. */
  seconds: 50,
  honest: 1_000,
  scripts: 30,
  rings: 10,
  ringAccounts: 50,
  /** Share of the rings that buy captcha solutions. */
  solvingRingsShare: 0.3,
  distributed: 400,
  /** Share of the botnet's accounts that are old ones, bought. */
  boughtShare: 0.3,
  /** Share of the botnet that solves captchas. */
  solvingShare: 0.05,
  /** Bots that no rule can tell from a buyer: old account, own address and device, solves. */
  mimics: 10,
};

export function readOptions(args) {
  const { values } = parseArgs({ args, options: Object.fromEntries(
    Object.keys(defaults).map((name) => [name, { type: 'string' }])) });
  const options = { ...defaults };
  for (const [name, text] of Object.entries(values)) {
    const value = Number(text);
    if (!(value >= 0)) throw new Error(`--${name} takes a number, 0 or more`);
    options[name] = value;
  }
  return scaled(options);
}

/** The number of accounts of a ring stays: it is what a ring is known by. */
function scaled({ scale, ...options }) {
  for (const size of ['stock', 'honest', 'scripts', 'rings', 'distributed', 'mimics']) {
    options[size] = Math.round(options[size] * scale);
  }
  return { scale, ...options };
}

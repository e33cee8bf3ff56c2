/** Turns the results of test/fault/support/scenario.ts into a table for docs/fault-matrix.md. */

/**
 * @typedef {object} FaultResult one scenario played once; times in milliseconds
 * @property {string} fault
 * @property {number} seed
 * @property {'ok' | 'violated' | 'failed' | 'not run'} result
 * @property {Record<string, 'ok' | 'violated' | 'counted'>} invariants
 * @property {number} [lost] acknowledged purchases that became no order
 * @property {number} [recoveryMs] healed → first accepted purchase
 * @property {number} [balancedMs] healed → books at rest
 * @property {number} [acknowledged]
 */

/**
 * @param {readonly FaultResult[]} results
 * @param {{ seeds: readonly number[], scale: string, date: Date, seconds: number }} run
 * @returns {string} Markdown
 */
export function faultMatrix(results, { seeds, scale, date, seconds }) {
  const rules = [...new Set(results.flatMap(({ invariants }) => Object.keys(invariants)))];
  const faults = [...new Set(results.map(({ fault }) => fault))]
    .map((fault) => [fault, results.filter((result) => result.fault === fault)]);
  const count = (wanted) => results.filter(({ result }) => result === wanted).length;
  const failed = count('violated') + count('failed');
  const titles = ['fault', ...rules, 'acknowledged', 'lost', 'first purchase after, s',
    'books balanced after, s', 'passed'];
  return [
    '# Faults and promises', '',
    `Made by \`npm run test:faults\` on ${date.toISOString().slice(0, 10)}, scale ${scale}, ${
      seedsText(seeds)}, in ${Math.round(seconds / 60)} min:`,
    `${results.length - count('not run')} runs, ${failed} failed.`,
    'The promises are those of [protocol.md](protocol.md). *counted*: here Redis may lose what it',
    'acknowledged; how much it lost is in the column *lost*. Times run from the moment when the',
    'fault was healed; where there are several runs: the median, and the longest.', '',
    row(titles), row(titles.map(() => '---')),
    ...faults.map(([fault, played]) => row([fault, ...rules.map((rule) => mark(played, rule)),
      sum(played, 'acknowledged'), sum(played, 'lost'), times(played, 'recoveryMs'),
      times(played, 'balancedMs'), passed(played)])), '',
  ].join('\n');
}

function row(cells) {
  return `| ${cells.join(' | ')} |`;
}

function seedsText(seeds) {
  return seeds.length === 1 ? `seed ${seeds[0]}` : `seeds ${seeds[0]} to ${seeds.at(-1)}`;
}

/** The worst that any run says of a rule. */
function mark(played, rule) {
  const marks = played.map(({ invariants }) => invariants[rule]);
  if (marks.includes('violated')) return '**violated**';
  return marks.find((known) => known !== undefined) ?? '';
}

function sum(played, name) {
  return played.reduce((total, result) => total + (result[name] ?? 0), 0);
}

function times(played, name) {
  const known = played.map((result) => result[name]).filter((ms) => ms !== undefined)
    .sort((one, other) => one - other);
  if (known.length === 0) return '';
  const seconds = (ms) => (ms / 1000).toFixed(1);
  const median = seconds(known[Math.floor(known.length / 2)]);
  return known.length === 1 ? median : `${median}, ${seconds(known.at(-1))}`;
}

function passed(played) {
  if (played.some(({ result }) => result === 'not run')) return '**not run**';
  return `${played.filter(({ result }) => result === 'ok').length} of ${played.length}`;
}

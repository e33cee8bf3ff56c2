// What came of everybody: by group, and the two figures that the funnel is judged by.

/** An honest buyer got as far as anybody can when the stock itself answered. */
const answersOfTheStock = ['OK', 'SOLD_OUT'];
/** Beyond it, when a request was sent says little about when it was judged. */
const slowMs = 1_000;
const keptStatuses = ['paid', 'reserved', 'pending_payment'];
const groups = ['honest', 'script', 'ring', 'distributed', 'mimic'];

export function summarize(people, stock, options) {
  const byGroup = Object.fromEntries(groups.map((group) =>
    [group, summaryOf(people.filter((person) => person.group === group))]));
  const all = Object.values(byGroup);
  const sum = (field) => all.reduce((total, group) => total + group[field], 0);
  const { honest } = byGroup;
  const kept = sum('unitsPaid') + sum('unitsUnpaid');
  const refused = people.filter(isRefusedAsBot).map(storyOf);
  const botsWithUnits = people.filter(({ group, fates }) => group !== 'honest'
    && fates.some((fate) => keptStatuses.includes(fate))).map(storyOf);
  const latenciesMs = people.flatMap(({ tally }) => tally.latenciesMs).sort((a, b) => a - b);
  return {
    options, groups: byGroup, stock,
    requests: sum('requests'),
    botShareOfRequests: 1 - honest.requests / sum('requests'),
    unitsKept: kept,
    honestShareOfUnits: (honest.unitsPaid + honest.unitsUnpaid) / kept,
    honestShareOfPaidUnits: honest.unitsPaid / sum('unitsPaid'),
    honestShareOfFirstHolds: honest.buyersHolding / sum('buyersHolding'),
    honestRefusedAsBots: refused.length,
    honestRefusedShare: refused.length / honest.people,
    refused, botsWithUnits,
    oversold: Math.max(0, kept - options.stock),
    latencyMs: { p50: quantile(latenciesMs, 0.5), p99: quantile(latenciesMs, 0.99) },
  };
}

/** What one client was answered, for whoever asks why. */
function storyOf({ id, isFresh, solves, tally: { outcomes, captchasSolved } }) {
  return { id, isFresh, solves, captchasSolved, outcomes };
}

function summaryOf(people) {
  const outcomes = {};
  for (const { tally } of people) {
    for (const [outcome, n] of Object.entries(tally.outcomes)) {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + n;
    }
  }
  const fates = people.flatMap((person) => person.fates);
  const fatesOf = (...statuses) => fates.filter((fate) => statuses.includes(fate)).length;
  const total = (field) => people.reduce((sum, { tally }) => sum + tally[field], 0);
  return {
    people: people.length, requests: total('requests'), outcomes,
    captchasAsked: total('captchasAsked'), captchasSolved: total('captchasSolved'),
    buyersHolding: people.filter(({ orders }) => orders.length > 0).length,
    unitsHeld: fates.length, unitsPaid: fatesOf('paid'),
    unitsUnpaid: fatesOf('reserved', 'pending_payment'), unitsFrozen: fatesOf('frozen'),
    unitsGivenBack: fatesOf('expired', 'cancelled'),
  };
}

/**
 * Excluded or refused at any time without a unit, or never let through to the stock by a captcha, a
 * throttle or a fault. And whoever lost to the freezer what he had.
 */
function isRefusedAsBot({ group, tally: { outcomes }, fates }) {
  if (group !== 'honest') return false;
  if (fates.includes('frozen')) return true;
  if (fates.length > 0) return false;
  return 'BLACKLISTED' in outcomes || 'RISK_REJECTED' in outcomes
    || !answersOfTheStock.some((answer) => answer in outcomes);
}

function quantile(sorted, share) {
  return Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
}

export function print(report) {
  const outcomes = [...new Set(Object.values(report.groups)
    .flatMap((group) => Object.keys(group.outcomes)))].sort();
  console.table(mapGroups(report, (group) => ({ people: group.people, requests: group.requests,
    'captchas asked': group.captchasAsked, solved: group.captchasSolved,
    'units held': group.unitsHeld, paid: group.unitsPaid, unpaid: group.unitsUnpaid,
    frozen: group.unitsFrozen, 'given back': group.unitsGivenBack })));
  console.log('answers (OK also for a press again after a success):');
  console.table(Object.fromEntries(outcomes.map((outcome) =>
    [outcome, mapGroups(report, (group) => group.outcomes[outcome] ?? 0)])));
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  console.log(`seed ${report.options.seed}; ${report.requests} requests, ${
    percent(report.botShareOfRequests)} of them by bots; answered in ${
    report.latencyMs.p50} ms (p50), ${report.latencyMs.p99} ms (p99)`);
  if (report.latencyMs.p50 > slowMs) {
    console.log('The machine was too busy: nobody was answered in time. Try --scale=0.2.');
  }
  console.log(`units of honest buyers: ${percent(report.honestShareOfUnits)} of ${
    report.unitsKept} kept (${report.options.stock} on sale, oversold ${report.oversold}, drift ${
    report.stock.drift})`);
  console.log(`honest buyers refused as bots: ${report.honestRefusedAsBots} of ${
    report.groups.honest.people} (${percent(report.honestRefusedShare)})`);
}

function mapGroups({ groups: all }, valueOf) {
  return Object.fromEntries(Object.entries(all).map(([name, group]) => [name, valueOf(group)]));
}

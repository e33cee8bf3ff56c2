// What we want to reach on one machine, beside what a run has shown.

const named = (family, name) => family?.rows?.find((row) => row.name === name);

/** Each says where in the results of the families its figure is; undefined when that was not measured. */
const targets = [
  { name: 'accepted purchase, whole funnel on: share of a plain Fastify route', atLeast: 0.5,
    of: ({ paths }) => named(paths, 'accepted (202), funnel on')?.['share of plain'] },
  { name: 'accepted purchase, whole funnel on: share by CPU time of the API process', atLeast: 0.5,
    of: ({ paths }) => named(paths, 'accepted (202), funnel on')?.['share by API CPU'] },
  { name: 'sold out, whole funnel on: share of a plain Fastify route', atLeast: 0.75,
    of: ({ paths }) => named(paths, 'sold out (409), funnel on')?.['share of plain'] },
  { name: 'sold out, whole funnel on: share by CPU time of the API process', atLeast: 0.75,
    of: ({ paths }) => named(paths, 'sold out (409), funnel on')?.['share by API CPU'] },
  { name: 'p99 of accepted purchases at 70 % of capacity, ms', below: 25,
    of: ({ openLoop }) => named(openLoop, 'open loop at 70 % of that')?.['p99 ms'] },
  { name: 'p99 from click to row at 5,000 a second, ms', below: 500,
    of: ({ openLoop }) => named(openLoop, 'open loop at 5000 a second')?.['to row p99 ms'] },
  { name: 'orders a second from a backlog', atLeast: 20_000,
    of: ({ drain }) => drain?.rows?.[0]['orders per second'] },
  { name: 'bytes of Redis for a reservation', below: 301,
    of: ({ paths }) => paths?.perPurchase?.redisBytes },
];

/** A row for each target that the run has measured. */
export function targetsReached(results) {
  return targets.flatMap(({ name, atLeast, below, of }) => {
    const measured = Number(of(results) ?? NaN);
    if (Number.isNaN(measured)) return [];
    const isReached = atLeast === undefined ? measured < below : measured >= atLeast;
    return [{ name, wanted: atLeast === undefined ? `below ${below}` : `at least ${atLeast}`,
      measured, reached: isReached ? 'yes' : 'no' }];
  });
}

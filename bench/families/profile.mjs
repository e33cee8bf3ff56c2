// Where the CPU time of the API process goes, for those who buy and for those who come too late.
import { inspectable, profileOf, sharesOf } from '../lib/cpu-profile.mjs';
import { comeLate, guarded, sell } from '../lib/selling.mjs';

const placesShown = 16;
const warmUpRequests = 4_096;

/** Whole funnel on. One process, warm; a sampled share is right to about a percent. */
export async function measureProfile(ground, { requests }) {
  const { port, settings } = await inspectable();
  await using api = await ground.startApi(settings);
  const changes = { protection: guarded };
  const late = (saleIds, name, count) =>
    comeLate(ground, api, saleIds, { name, count, protection: guarded });
  const warm = await sell(ground, api, { name: 'warm', count: warmUpRequests, changes });
  await late(warm.saleIds, 'late-warm', warmUpRequests);
  let sold;
  const scenarios = {
    'accepted (202), funnel on': async () => {
      sold = await sell(ground, api, { name: 'profile', count: requests, changes });
    },
    'sold out (409), funnel on': () => late(sold.saleIds, 'late-profile', requests),
  };
  const results = [];
  for (const [name, play] of Object.entries(scenarios)) {
    results.push({ name, shares: sharesOf(await profileOf(port, play)).slice(0, placesShown) });
    ground.say(`profile: ${name}`);
  }
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  return {
    rows: results.flatMap(({ name, shares }) => shares.map(({ place, share }) =>
      ({ name: `${name}: ${place}`, share: percent(share) }))),
    charts: results.map(({ name, shares }) => ({ title: `CPU time of the API process: ${name}`,
      bars: shares.map(({ place, share }) =>
        ({ label: place, value: share, text: percent(share) })) })),
  };
}

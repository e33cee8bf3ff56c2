// Who comes: people and bots with their accounts, addresses and devices, the same for a seed.
import { signerOf } from '../lib/tokens.mjs';
import { behaviours } from './behaviours.mjs';

const daySeconds = 86_400;

/** A processor that does one thing at a time, as a phone or a bot's machine does. */
class Worker {
  #last = Promise.resolve();

  run(work) {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Makes people: their tokens, and a tally of what they were answered. */
class Registry {
  people = [];
  #random;
  #sign;
  #addresses = 0;
  #devices = 0;

  constructor(random, jwtSecret) {
    this.#random = random;
    this.#sign = signerOf(jwtSecret);
  }

  add(group, { isFresh, worker = new Worker(), ...traits }) {
    const random = this.#random.fork();
    const id = `${group}-${this.people.length}`;
    const ageSeconds = isFresh ? random.integer(600, daySeconds - 3_600)
      : random.integer(2 * daySeconds, 1_000 * daySeconds);
    const token = this.#sign(id, { registered_at: Math.floor(Date.now() / 1_000) - ageSeconds });
    this.people.push({ id, group, token, random, worker, isFresh, ...traits,
      act: behaviours[group], orders: [], tally: { requests: 0, captchasAsked: 0,
        captchasSolved: 0, outcomes: {}, latenciesMs: [] } });
  }

  address() {
    const n = this.#addresses++;
    return `11.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  }

  device() {
    return `device-${this.#devices++}`;
  }
}

/** Everybody who comes to the sale. Sizes and shares are those of `options.mjs`. */
export function populate(options, random, jwtSecret) {
  const registry = new Registry(random, jwtSecret);
  addHonest(registry, options, random);
  for (let n = 0; n < options.scripts; n += 1) {
    registry.add('script', { address: registry.address(), isFresh: random.chance(0.5),
      device: random.chance(0.5) ? registry.device() : undefined,
      requestsPerSecond: random.between(5, 20), solves: false, paysShare: 1 });
  }
  for (let ring = 0; ring < options.rings; ring += 1) addRing(registry, options, random, ring);
  const farm = new Worker();
  for (let n = 0; n < options.distributed; n += 1) {
    const isIpv6 = random.chance(0.3);
    registry.add('distributed', { isFresh: !random.chance(options.boughtShare), worker: farm,
      address: isIpv6 ? `2001:db8:${n.toString(16)}:1::1` : registry.address(), isIpv6,
      requestsPerSecond: random.between(2, 6), paysShare: 0.5,
      solves: random.chance(options.solvingShare) });
  }
  for (let n = 0; n < options.mimics; n += 1) {
    registry.add('mimic', { ...ownPlace(registry, random), isFresh: false, paysShare: 1 });
  }
  return registry.people;
}

/** Six of ten live alone behind their address; the others are families, one office, and phones. */
function addHonest(registry, { honest }, random) {
  const add = (place) => registry.add('honest',
    { ...place, isFresh: random.chance(0.05), paysShare: 0.95 });
  const shared = (people) => {
    const address = registry.address();
    for (let n = 0; n < people; n += 1) add({ ...ownPlace(registry, random), address });
  };
  let left = honest;
  const some = (share) => Math.round(honest * share);
  shared(some(0.06)); // an office or a dormitory
  for (let gateway = 0; gateway < 2; gateway += 1) shared(some(0.095)); // a carrier's NAT
  left -= some(0.06) + 2 * some(0.095);
  for (let family = 0; family < some(0.05); family += 1) {
    const address = registry.address();
    const tablet = random.chance(0.3) ? registry.device() : undefined;
    for (let n = 0; n < 3; n += 1) {
      const place = ownPlace(registry, random);
      add({ address, devices: tablet ? [...place.devices.slice(0, 1), tablet] : place.devices });
    }
    left -= 3;
  }
  for (; left > 0; left -= 1) add(ownPlace(registry, random));
}

function ownPlace(registry, random) {
  const devices = Array.from({ length: random.integer(1, 2) }, () => registry.device());
  return { address: registry.address(), devices };
}

/** Many accounts behind three addresses and a handful of phones, run from one machine. */
function addRing(registry, { ringAccounts, solvingRingsShare }, random, ring) {
  const addresses = Array.from({ length: 3 }, () => registry.address());
  const devices = Array.from({ length: random.integer(3, 5) }, () => registry.device());
  const worker = new Worker();
  const solves = random.chance(solvingRingsShare);
  for (let n = 0; n < ringAccounts; n += 1) {
    registry.add('ring', { address: addresses[n % addresses.length], worker, solves,
      device: devices[n % devices.length], isFresh: random.chance(0.8),
      paysShare: ring % 2 === 0 ? 0 : 0.5 });
  }
}

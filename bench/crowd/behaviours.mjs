// What each kind of client does. Bots do not wait for an answer before the next request.
import { setTimeout as sleep } from 'node:timers/promises';

/** Codes after which nothing more can be had with this account. */
const givesUp = new Set(['SALE_CLOSED', 'RISK_REJECTED', 'BLACKLISTED', 'UNAUTHENTICATED']);

/**
 * A buyer: looks at the countdown or comes a little later, presses once to four times, does as he
 * is told (Retry-After, captcha), and looks again when units may have come back.
 */
async function honest(person, world) {
  const { random, devices } = person;
  const device = random.pick(devices);
  const key = `${person.id}-press`;
  const isPunctual = random.chance(0.1);
  const comesAfterMs = isPunctual ? 300 * random.normal() : random.lognormal(1_500, 0.7);
  await world.until(comesAfterMs);
  const impatientPresses = random.pick([0, 0, 0, 1, 1, 2, 3]);
  // Nervous fingers: the page sends the same purchase again, with the same key.
  for (let n = 1; n <= impatientPresses; n += 1) {
    void sleep(n * random.between(300, 1_500)).then(() => {
      if (!person.isDone && world.isOn()) return press(person, world, { key, device });
    });
  }
  const looksAgain = random.integer(0, 4);
  let looks = 0;
  let captchaToken;
  for (let tries = 0; tries < 25 && world.isOn() && !person.isDone; tries += 1) {
    const answer = await press(person, world, { key, device, captchaToken });
    captchaToken = undefined;
    if (person.isDone || givesUp.has(answer.code)) return;
    switch (answer.code) {
      case 'CAPTCHA_REQUIRED':
        captchaToken = await world.shop.solveCaptcha(person,
          { device, delayMs: random.between(300, 2_000) });
        break;
      case 'SALE_NOT_OPEN': await sleep(random.lognormal(500, 0.3)); break;
      case 'SOLD_OUT':
        if (looks++ >= looksAgain) return;
        await sleep(random.between(4_000, 12_000));
        break;
      default: await sleep(1_000 * answer.retryAfterSeconds + random.between(100, 1_000));
    }
  }
}

/** One account that hammers from three seconds before the opening, whatever it is answered. */
function script(person, world) {
  return hammer(person, world, { startsMs: -3_000 * person.random.next(), forMs: 25_000,
    device: () => person.device });
}

/** An account of a botnet: an address of its own, a device id made up anew every few requests. */
function distributed(person, world) {
  const { random } = person;
  const nextAddress = () => (person.isIpv6
    ? person.address.replace(/::.*/, `::${random.integer(1, 65_535).toString(16)}`)
    : person.address);
  let device;
  return hammer(person, world, { startsMs: random.between(-2_000, 500), forMs: 10_000, nextAddress,
    device: (n) => (n % 4 === 0 ? (device = `made-up-${random.next()}`) : device) });
}

/** Polite, coordinated: each account presses in the first second and then every few seconds. */
async function ring(person, world) {
  const { random, device } = person;
  await world.until(random.between(30, 1_000));
  await persist(person, world, { device, pauseMs: () => random.between(2_000, 4_000) });
}

/** A bot that nothing tells from a buyer, but that it never comes late. */
async function mimic(person, world) {
  const { random, devices: [device] } = person;
  await world.until(random.between(200, 400));
  await persist(person, world, { device, solves: true,
    pauseMs: () => random.between(3_000, 6_000) });
}

export const behaviours = { honest, script, distributed, ring, mimic };

async function persist(person, world, { device, pauseMs, solves = person.solves }) {
  let captchaToken;
  while (world.isOn() && !person.isDone) {
    const key = `${person.id}-${person.tally.requests}`;
    const { code } = await press(person, world, { key, device, captchaToken });
    captchaToken = code === 'CAPTCHA_REQUIRED' && solves
      ? await world.shop.solveCaptcha(person, { device, delayMs: 0 }) : undefined;
    if (captchaToken === undefined) await sleep(pauseMs());
  }
}

/** Open loop: the next request goes out when its time has come, answered or not. */
async function hammer(person, world, { startsMs, forMs, device, nextAddress }) {
  const { random, requestsPerSecond } = person;
  const under = { isSolving: false };
  const endsMs = startsMs + forMs;
  let atMs = startsMs;
  for (let n = 0; atMs < endsMs && !person.isDone; n += 1) {
    await world.until(atMs);
    if (!world.isOn()) return;
    void strike(person, world, { n, device: device(n), address: nextAddress?.(), under });
    atMs += random.between(0.5, 1.5) * 1_000 / requestsPerSecond;
  }
}

/** One request of a hammering bot; where a captcha is asked for and it can, it solves one. */
async function strike(person, world, { n, device, address, under }) {
  const key = `${person.id}-${n}`;
  const { code } = await press(person, world, { key, device, address });
  if (code !== 'CAPTCHA_REQUIRED' || !person.solves || under.isSolving || person.isDone) return;
  under.isSolving = true;
  const captchaToken = await world.shop.solveCaptcha(person, { device, address, delayMs: 0 });
  if (captchaToken) {
    await press(person, world, { key: `${key}-solved`, device, address, captchaToken });
  }
  under.isSolving = false;
}

/** Presses. Who gets a unit pays or not; only a bot that never meant to pay goes on. */
async function press(person, world, options) {
  const answer = await world.shop.buy(person, options);
  if (answer.code === 'OK' && !person.orders.includes(answer.body.id)) {
    person.orders.push(answer.body.id);
    const pays = person.random.chance(person.paysShare);
    person.isDone = pays || person.group === 'honest';
    if (pays) world.payments.push(pay(person, world, answer.body.id));
  }
  return answer;
}

async function pay(person, world, orderId) {
  await sleep(person.random.lognormal(5_000, 0.4));
  // The row may not be written yet.
  for (let tries = 0; tries < 5; tries += 1) {
    if (await world.shop.pay(person, orderId)) return;
    await sleep(1_000);
  }
}

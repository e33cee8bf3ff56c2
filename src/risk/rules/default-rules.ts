import type { RuleSet } from './rule-set';

const daySeconds = 86_400;

/**
 * The rules that the product comes with, in force until an operator puts his own. README.md says
 * why each weight is what it is.
 */
export const defaultRules: RuleSet = {
  refuseAbove: 0.7,
  captchaAbove: 0.4,
  captchaAfterAttemptsPerMinute: 10,
  rules: [
    {
      id: 'many-purchases', description: 'Nobody buys by hand more than 100 times an hour',
      when: { all: [{ signal: 'purchasesLastHour', op: '>', value: 100 }] }, score: 0.5, mode: 'on',
    },
    {
      id: 'many-attempts', description: 'More than 10 attempts a minute: a script, or impatience',
      when: { all: [{ signal: 'attemptsLastMinute', op: '>', value: 10 }] }, score: 0.1, mode: 'on',
    },
    {
      id: 'new-account', description: 'The account is younger than a day: made for this sale',
      when: { all: [{ signal: 'accountAgeSeconds', op: '<', value: daySeconds }] },
      score: 0.3, mode: 'on',
    },
    {
      id: 'first-purchase-of-new-account', description: 'A new account buys for the first time',
      when: { all: [{ signal: 'accountAgeSeconds', op: '<', value: daySeconds },
        { signal: 'isFirstPurchase', op: '=', value: 1 }] }, score: 0, captcha: true, mode: 'on',
    },
    {
      id: 'early-attempts', description: 'Pressed 3 times or more before the opening',
      when: { all: [{ signal: 'earlyAttempts', op: '>=', value: 3 }] },
      score: 0, captcha: true, mode: 'on',
    },
    {
      id: 'faster-than-a-hand', description: 'Bought within a second of the opening',
      when: { all: [{ signal: 'sinceOpeningMs', op: '<', value: 1_000 }] },
      score: 0, captcha: true, mode: 'on',
    },
    {
      id: 'many-devices', description: 'One user on more than 5 devices a day: a lent account',
      when: { all: [{ signal: 'devicesOfUser', op: '>', value: 5 }] }, score: 0.4, mode: 'on',
    },
    {
      id: 'rotating-devices', description: 'A device id made up anew every few requests',
      when: { all: [{ signal: 'devicesOfUser', op: '>', value: 5 },
        { signal: 'attemptsLastMinute', op: '>', value: 10 }] }, score: 0.3, mode: 'on',
    },
    {
      id: 'shared-device', description: 'More than 3 users on one device: accounts of a ring',
      when: { all: [{ signal: 'usersOfDevice', op: '>', value: 3 }] }, score: 0.4, mode: 'on',
    },
    {
      id: 'shared-address', description: '6 to 10 users behind one address: a family or a ring',
      when: { all: [{ signal: 'usersOfIp', op: '>', value: 5 },
        { signal: 'usersOfIp', op: '<=', value: 10 }] }, score: 0.1, mode: 'on',
    },
    {
      id: 'crowded-address', description: 'Over 10 users behind one address: a company or a ring',
      when: { all: [{ signal: 'usersOfIp', op: '>', value: 10 }] }, score: 0.3, mode: 'on',
    },
    {
      id: 'large-first-purchase',
      description: 'The first purchase takes the whole limit, 5 or more',
      when: { all: [{ signal: 'isFirstPurchase', op: '=', value: 1 },
        { signal: 'quantityShareOfLimit', op: '>=', value: 1 },
        { signal: 'quantity', op: '>=', value: 5 }] }, score: 0.1, mode: 'on',
    },
    {
      id: 'never-pays', description: 'Three orders or more in a day were held and not paid in time',
      when: { all: [{ signal: 'expiredOrdersLastDay', op: '>=', value: 3 }] },
      score: 0.3, mode: 'on',
    },
    {
      id: 'always-cancels', description: 'Five orders or more in a day were held and cancelled',
      when: { all: [{ signal: 'cancelledOrdersLastDay', op: '>=', value: 5 }] },
      score: 0.3, mode: 'on',
    },
    {
      id: 'lives-on-holding',
      description: 'Twenty in a day not paid, beside what never-pays adds: the stock is a toy',
      when: { all: [{ signal: 'expiredOrdersLastDay', op: '>=', value: 20 }] },
      score: 0.5, mode: 'on',
    },
    {
      id: 'lives-on-cancelling',
      description: 'Thirty in a day cancelled, beside what always-cancels adds: the same',
      when: { all: [{ signal: 'cancelledOrdersLastDay', op: '>=', value: 30 }] },
      score: 0.5, mode: 'on',
    },
  ],
};

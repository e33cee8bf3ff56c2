/**
 * Everything that a rule may ask about an attempt to buy: a number each, and what it means. A
 * signal that is not known, such as the age of an account whose token does not say it, matches no
 * condition.
 */
export const signalMeanings = {
  attemptsLastMinute: 'Purchase attempts of the user in a minute, this one included',
  attemptsLastHour: 'Purchase attempts of the user in an hour, this one included',
  purchasesLastMinute: 'Purchases of the user that held units in a minute',
  purchasesLastHour: 'Purchases of the user that held units in an hour',
  isFirstPurchase: '1 when no purchase of the user is known, else 0',
  devicesOfUser: 'Devices that the user came with in a day; 20 stands for more',
  usersOfDevice: 'Users who came with this device in a day; 100 stands for more',
  usersOfIp: 'Users who came from this address (IPv6: its /64) in a day; 100 stands for more',
  accountAgeSeconds: 'Age of the account, where the token says when it was made',
  expiredOrdersLastDay: 'Orders that the user did not pay in time, in a day; 100 stands for more',
  cancelledOrdersLastDay: 'Orders of the user that were cancelled in a day; 100 stands for more',
  earlyAttempts: 'Attempts of the user before the sale opened, as far as this process saw them',
  sinceOpeningMs: 'Time since the sale opened',
  quantity: 'Units that this purchase asks for',
  quantityShareOfLimit: 'Units of this purchase as a share of the limit per buyer',
  amount: 'Price of this purchase in minor units of its currency',
  amountTimesUsual: 'Price of this purchase over what the user usually spends in this currency',
} as const;

export type SignalName = keyof typeof signalMeanings;

export const signalNames = Object.keys(signalMeanings) as [SignalName, ...SignalName[]];

/** The numbers of one attempt, which are also the evidence of a review. */
export type Signals = Readonly<Partial<Record<SignalName, number>>>;

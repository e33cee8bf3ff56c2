/*
 * What the list of orders does not tell: orders that have no row yet, and what became of money that
 * came when its order had ended.
 */

/** The list has only what has a row: an order that is held until then is remembered over a reload. */
const held = {
  name: () => `held:${session.user}`,
  ids: () => JSON.parse(sessionStorage.getItem(held.name()) ?? '[]'),
  forget(id) {
    const others = held.ids().filter((other) => other !== id);
    sessionStorage.setItem(held.name(), JSON.stringify(others));
  },
  take({ id, status }) {
    held.forget(id);
    if (status !== 'reserved') return;
    sessionStorage.setItem(held.name(), JSON.stringify([...held.ids(), id]));
  },
};

/** What became of money that came when its order had ended, or stood still. */
const moneyWords = {
  received: 'Your money has come and is being looked at.',
  late: 'Your money came late. Other units are being looked for.',
  applied: 'Your money came late and paid other units: they are an order of their own here.',
  refunding: 'Your money came too late and goes back.',
  refunded: 'Your money came too late and went back.',
};
const mayHaveMoney = ['expired', 'cancelled', 'frozen'];
/** Nothing follows these; 'none': no payment was started. */
const moneyEnds = ['none', 'failed', 'applied', 'refunded'];

/** How the payment of an order stands, as far as it matters, by its id and status. */
const money = new Map();
const nameOf = ({ id, status }) => `${id} ${status}`;
const wordsAboutMoney = (order) => moneyWords[money.get(nameOf(order))];

async function readHeld(id) {
  const order = await call('GET', `/v1/orders/${id}`).catch((refusal) => {
    if (refusal.code !== 'NOT_FOUND') throw refusal;
    held.forget(id);
  });
  if (order) takeOrder(order);
}

async function readMoney(order) {
  const name = nameOf(order);
  if (!mayHaveMoney.includes(order.status) || moneyEnds.includes(money.get(name))) return;
  const { status } = await call('GET', `/v1/orders/${order.id}/payment`).catch((refusal) => {
    if (refusal.code !== 'NOT_FOUND') throw refusal;
    return { status: 'none' };
  });
  if (money.get(name) === status) return;
  money.set(name, status);
  showOrders();
}

/* The buyer's orders: followed while they are open, paid, cancelled. */

const followedAtMost = 3;

const statusWords = {
  reserved: 'Held for you', pending_payment: 'Waiting for your payment', paid: 'Paid',
  cancelled: 'Cancelled', expired: 'Not paid in time', rejected: 'Could not be filled',
  frozen: 'On hold', refunded: 'Money returned',
};

const reasonWords = {
  SOLD_OUT: 'no units were left', LIMIT_EXCEEDED: 'more than one person may buy',
  UNITS_GONE: 'the units were gone when the review was over',
  CANCELLED_IN_REVIEW: 'you gave it up', CANCELLED_BY_BUYER: 'you cancelled it',
  CANCELLED_BY_SERVICE: 'the shop cancelled it', BANNED: 'the shop could not sell to you',
  EPOCH_PASSED: 'the sale had to be recovered', NOT_PERSISTED: 'it could not be recorded in time',
};

const frozenWords = 'The shop looks at this order. You need not do anything, and no time to pay '
  + 'runs; when it goes on, you see it here. Its units are on sale meanwhile.';

const followed = new Set();

function showOrders() {
  const newestFirst = [...orders.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  show(part('orders'), newestFirst.map((order) =>
    [order.id, JSON.stringify([order, busy.has(order.id), sales.get(order.saleId)?.product.name,
      wordsAboutMoney(order)]),
      () => orderCard(order)]));
  part('no-orders').hidden = orders.size > 0;
}

function orderCard(order) {
  const { id, saleId, quantity, amount, status, payBefore, reason } = order;
  const isOpen = status === 'reserved' || status === 'pending_payment';
  const isFrozen = status === 'frozen';
  const aboutMoney = wordsAboutMoney(order);
  return element('li', {},
    element('div', { className: 'row' },
      element('h3', { textContent: `${quantity} × ${sales.get(saleId)?.product.name ?? 'item'}` }),
      element('span', { className: 'price', textContent: priceOf(amount) })),
    element('div', { className: 'row' },
      element('span', { className: `badge ${isOpen || status === 'paid' ? 'good' : 'bad'}`,
        textContent: statusWords[status] + (reason ? `: ${reasonWords[reason] ?? reason}` : '') }),
      status === 'pending_payment' && payBefore
        ? element('span', { className: 'meta' }, 'Pay within ', countdown(payBefore)) : undefined),
    element('p', { className: 'meta', textContent: `Order ${id}` }),
    isFrozen ? element('p', { className: 'hint', textContent: frozenWords }) : undefined,
    aboutMoney ? element('p', { className: 'hint', textContent: aboutMoney }) : undefined,
    isOpen || isFrozen ? element('div', { className: 'row' },
      isOpen ? orderButton(order, 'Pay', '', pay) : undefined,
      orderButton(order, 'Cancel', 'quiet', cancel)) : undefined);
}

function orderButton(order, textContent, className, act) {
  const button = element('button', { textContent, className,
    ariaDisabled: String(busy.has(order.id)) });
  button.onclick = () => void whileBusy(order.id, () => act(order));
  return button;
}

async function pay({ id }) {
  const { checkoutUrl } = await callUntilDecided('POST', `/v1/orders/${id}/payment`);
  // The demo's own checkout, under the address by which the buyer came: he stays signed in.
  const { pathname } = new URL(checkoutUrl);
  location.href = pathname.startsWith('/demo/pay/') ? pathname : checkoutUrl;
}

async function cancel({ id }) {
  takeOrder(await callUntilDecided('POST', `/v1/orders/${id}/cancel`));
  say('Cancelled. The units are back on sale.');
}

/** How far an order has come: the list and the stream may overtake each other. */
function progressOf({ status }) {
  return { reserved: 0, pending_payment: 1, frozen: 1, refunded: 3 }[status] ?? 2;
}

function takeOrder(order) {
  const known = orders.get(order.id);
  if (known && progressOf(order) < progressOf(known)) return;
  orders.set(order.id, { ...known, ...order });
  held.take(order);
  showOrders();
  void followOrder(order);
}

async function followOrder({ id, status }) {
  const isOpen = status === 'reserved' || status === 'pending_payment' || status === 'frozen';
  if (!isOpen || followed.has(id) || followed.size >= followedAtMost) return;
  const { signal } = session.left;
  followed.add(id);
  try {
    await follow(id, takeOrder, signal);
  } catch {
    // The stream broke: the list finds out, and follows again.
  } finally {
    followed.delete(id);
  }
  await sleep(1_000);
  if (!signal.aborted) await readOrders().catch(() => undefined);
}

async function readOrders() {
  if (!session.token) return;
  const { items } = await call('GET', '/v1/orders');
  items.forEach(takeOrder);
  for (const id of held.ids()) await readHeld(id);
  for (const order of orders.values()) await readMoney(order);
}

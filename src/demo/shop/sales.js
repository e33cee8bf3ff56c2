/* The sales. */

const stateWords = {
  scheduled: 'Not open yet', open: 'Open', sold_out: 'Sold out', paused: 'Paused', closed: 'Over',
};

/** How far the page's clock may be from the server's: who asks too early is refused. */
const clockDoubtMs = 100;

const chosenUnits = new Map();

async function readSales() {
  const { items } = await call('GET', '/v1/sales');
  sales.clear();
  for (const sale of items) sales.set(sale.id, { ...sale, state: stateOf(sale) });
  showSales();
  showOrders();
}

/** A sale opens by the clock: the answer that says so may be seconds old by then. */
function stateOf({ state, opensAt }) {
  const isDue = state === 'scheduled' && Date.parse(opensAt) + clockDoubtMs <= clock.now();
  return isDue ? 'open' : state;
}

/** Opens the sales whose time has come. */
function openDueSales() {
  const due = [...sales.values()].filter((sale) => stateOf(sale) !== sale.state);
  if (due.length === 0) return;
  for (const sale of due) sales.set(sale.id, { ...sale, state: stateOf(sale) });
  showSales();
}

function showSales() {
  const cards = [...sales.values()].map((sale) =>
    [sale.id, JSON.stringify([{ ...sale, available: 0 }, busy.has(sale.id), session.user,
      holdsSaleToken(sale)]),
      () => saleCard(sale)]);
  show(part('sales'), cards);
  for (const card of part('sales').children) showAvailable(card, sales.get(card.dataset.key));
  part('no-sales').hidden = sales.size > 0;
}

function cardOf(saleId) {
  return part('sales').querySelector(`[data-key="${saleId}"]`);
}

function timesOf({ state, opensAt, closesAt }) {
  if (state === 'closed') return undefined;
  return state === 'scheduled'
    ? element('p', { className: 'meta' }, 'Opens in ', countdown(opensAt))
    : element('p', { className: 'meta' }, 'Ends in ', countdown(closesAt));
}

function saleCard(sale) {
  const { product, price, limitPerUser, state } = sale;
  return element('li', {},
    element('div', { className: 'row' },
      element('h3', { textContent: product.name }),
      element('span', { className: 'price', textContent: priceOf(price) })),
    product.description && element('p', { className: 'hint', textContent: product.description }),
    element('div', { className: 'row' },
      element('span', { className: `badge ${state === 'open' ? 'good' : 'bad'}` }),
      timesOf(sale)),
    element('p', { className: 'meta', textContent: `At most ${limitPerUser} per person` }),
    sale.needsSaleToken && state !== 'closed' ? tokenNote(sale) : undefined,
    element('div', { className: 'row' },
      state === 'closed' ? undefined : buyForm(sale),
      session.token ? storyButton(sale) : undefined));
}

function tokenNote(sale) {
  return element('p', { className: 'meta', textContent: holdsSaleToken(sale)
    ? 'Only for holders of a sale token: you have yours.'
    : 'Only for holders of a sale token. Sign in before it opens: yours is fetched by itself.' });
}

function storyButton(sale) {
  const button = element('button', { className: 'quiet why', textContent: 'Why didn’t I get it?',
    ariaLabel: `Why didn’t I get it? ${sale.product.name}` });
  button.onclick = () => void tellStory(sale).catch(report);
  return button;
}

/** The part of a card that changes all the time, without touching what a buyer is choosing. */
function showAvailable(card, { state, available }) {
  const left = state === 'open' && available !== undefined ? ` · ${available} left` : '';
  const badge = card.querySelector('.badge');
  const text = stateWords[state] + left;
  if (badge.textContent !== text) badge.textContent = text;
}

function buyForm(sale) {
  const units = Array.from({ length: Math.min(sale.limitPerUser, 10) }, (_, index) =>
    element('option', { value: index + 1, textContent: index + 1 }));
  const quantity = element('select', { ariaLabel: `How many of ${sale.product.name}` }, ...units);
  quantity.value = String(chosenUnits.get(sale.id) ?? 1);
  quantity.onchange = () => chosenUnits.set(sale.id, Number(quantity.value));
  const isBusy = busy.has(sale.id);
  // Not disabled while it asks: that would take the focus away from who works by keyboard.
  const button = element('button', { textContent: isBusy ? 'Asking …' : 'Buy',
    ariaDisabled: String(isBusy), disabled: sale.state !== 'open' });
  button.ariaLabel = `${button.textContent} ${sale.product.name}`;
  const form = element('form', {}, quantity, button);
  form.onsubmit = (event) => {
    event.preventDefault();
    void buy(sale, Number(quantity.value));
  };
  return form;
}

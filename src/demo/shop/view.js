/* What everything on the page shares: what is known, and how it becomes elements. */

const part = (id) => document.getElementById(id);
const sales = new Map();
const orders = new Map();
const busy = new Set();

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Read out once; with `untilMs`, by the server's clock, it also counts down to the next try. */
function say(text, untilMs) {
  part('message').textContent = text;
  part('wait').replaceChildren(...(untilMs === undefined ? []
    : ['The same request goes out again by itself in ',
      countdown(new Date(untilMs).toISOString())]));
}

function priceOf({ amount, currency }) {
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** Goes on by `tick`. */
function countdown(untilIso) {
  const span = element('span', { className: 'countdown', textContent: remaining(untilIso) });
  span.dataset.until = untilIso;
  return span;
}

/** `03:20`, `2:03:20` or `5 days`, by the server's clock. */
function remaining(untilIso) {
  const seconds = Math.max(0, Math.ceil((Date.parse(untilIso) - clock.now()) / 1_000));
  const days = Math.floor(seconds / 86_400);
  if (days > 1) return `${days} days`;
  const two = (number) => String(number).padStart(2, '0');
  const hours = Math.floor(seconds / 3_600);
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${minutes}` : minutes;
}

function controlsOf(card) {
  return [...card?.querySelectorAll('button, select') ?? []];
}

/** Makes only those cards anew that look different, and keeps the focus where it is. */
function show(list, cards) {
  const shown = new Map([...list.children].map((card) => [card.dataset.key, card]));
  cards.forEach(([key, look, make], index) => {
    let card = shown.get(key);
    shown.delete(key);
    if (card?.dataset.look !== look) {
      const made = make();
      Object.assign(made.dataset, { key, look });
      const focused = controlsOf(card).indexOf(document.activeElement);
      card?.replaceWith(made);
      controlsOf(made)[focused]?.focus();
      card = made;
    }
    if (list.children[index] !== card) list.insertBefore(card, list.children[index] ?? null);
  });
  for (const gone of shown.values()) gone.remove();
}

/* "Why didn't I get it?": what became of the buyer's requests in one sale, and why. */

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const timeOf = (iso) => timeFormat.format(new Date(iso));

async function tellStory({ id, product }) {
  const story = await callUntilDecided('GET', `/v1/sales/${id}/me`);
  const dialog = part('story');
  part('story-heading').textContent = `${product.name}: what became of my requests?`;
  part('story-summary').textContent = summaryOf(story);
  part('story-items').replaceChildren(...story.items.toReversed().map(storyItem));
  // The card may have been made anew meanwhile.
  dialog.onclose = () => cardOf(id)?.querySelector('.why')?.focus();
  dialog.showModal();
}

function summaryOf({ unitsHeld, limitPerUser, orders, items, state }) {
  if (unitsHeld > 0) return `You have ${unitsHeld} of at most ${limitPerUser}.`;
  if (items.length === 0 && orders.length === 0) return 'You have not asked for any yet.';
  return state === 'open' ? 'You have none; the sale is still open.' : 'You have none.';
}

function storyItem({ at, lastAt, count, outcome, explanation, available }) {
  const when = timeOf(at) + (count > 1 ? ` – ${timeOf(lastAt)} · ${count} times` : '');
  const left = available === undefined ? '' : ` · ${available} left then`;
  return element('li', { className: outcome === 'accepted' ? 'good' : '' },
    element('p', { className: 'meta', textContent: when + left }),
    element('p', { textContent: explanation }));
}

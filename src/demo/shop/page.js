/* Who is here, and what happens by itself. */

const salesEveryMs = 2_000;
const ordersEveryMs = 15_000;
const clockEveryMs = 60_000;
const tokensEveryMs = 5_000;

/** One thing at a time with a sale or an order. */
async function whileBusy(id, work) {
  if (busy.has(id)) return;
  busy.add(id);
  showAll();
  try {
    await work();
  } catch (refusal) {
    report(refusal);
    await readOrders().catch(() => undefined);
  } finally {
    busy.delete(id);
    showAll();
  }
}

function report(refusal) {
  if (refusal.code === 'LEFT') return;
  say(refusal.message);
  if (refusal.code === 'UNAUTHENTICATED') signOut();
}

function showAll() {
  showSales();
  showOrders();
  part('sign-in').hidden = session.token !== '';
  part('signed-in').hidden = session.token === '';
  part('who').textContent = session.user;
}

async function signIn(user) {
  const { token } = await call('POST', '/demo/login', { body: { userId: user } });
  session.begin(user, token);
  say(`Hello, ${user}.`);
  showAll();
  await Promise.all([readOrders(), fetchSaleTokens()]);
}

function signOut() {
  session.end();
  orders.clear();
  showAll();
  part('user').focus();
}

function tick() {
  part('clock').textContent = new Date(clock.now()).toLocaleTimeString();
  for (const span of document.querySelectorAll('.countdown')) {
    span.textContent = remaining(span.dataset.until);
  }
  openDueSales();
}

/** Runs at once and again after every pause, while somebody looks at the page. */
async function again(everyMs, work) {
  for (;;) {
    if (!document.hidden) await work().catch(report);
    await sleep(everyMs);
  }
}

part('sign-in').onsubmit = (event) => {
  event.preventDefault();
  signIn(part('user').value).catch(report);
};
part('sign-out').onclick = signOut;
part('story-close').onclick = () => part('story').close();
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void readOrders().catch(() => undefined);
});
addEventListener('pageshow', () => void readOrders().catch(() => undefined));
setInterval(tick, 250);
showAll();
void again(clockEveryMs, () => clock.set());
void again(salesEveryMs, readSales);
void again(ordersEveryMs, readOrders);
void again(tokensEveryMs, fetchSaleTokens);

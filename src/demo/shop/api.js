/* How the shop speaks to the server: a token, retries with one key, server time, event streams. */

const retryForMs = 60_000;
const answerWithinMs = 10_000;

const wordsOf = {
  SOLD_OUT: 'Sold out. Units come back when somebody does not pay in time.',
  LIMIT_EXCEEDED: 'That is more than one person may buy; your orders count.',
  SALE_NOT_OPEN: 'The sale has not opened yet.',
  SALE_CLOSED: 'The sale is over.',
  SALE_PAUSED: 'The sale is paused for a moment. Try again shortly.',
  ORDER_STATE_CONFLICT: 'That is not possible any more: the order has moved on.',
  PAYMENT_TOO_LATE: 'The time to pay is over; the units go back on sale.',
  IDEMPOTENCY_KEY_REUSED: 'This press was already used for something else. Press again.',
  TEMPORARILY_UNAVAILABLE: 'The shop cannot answer at the moment. Try again shortly.',
  UNAUTHENTICATED: 'Please sign in again.',
  NOT_FOUND: 'That does not exist any more.',
};

/** A refusal with the code of its problem document; `code` is '' when nobody answered. */
class Refusal extends Error {
  constructor(code, detail, retryAfterMs) {
    super(wordsOf[code] ?? detail);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** Nothing is decided: the same request may be sent again, and must be if it was a purchase. */
  get isUndecided() {
    return this.code === '' || this.code === 'TEMPORARILY_UNAVAILABLE'
      || this.code === 'RATE_LIMITED' || this.code === 'INTERNAL_ERROR';
  }
}

const session = {
  user: sessionStorage.getItem('user') ?? '',
  token: sessionStorage.getItem('token') ?? '',
  begin(user, token) {
    Object.assign(session, { user, token });
    sessionStorage.setItem('user', user);
    sessionStorage.setItem('token', token);
  },
  end() {
    session.begin('', '');
  },
};

/** One request. Resolves to the JSON of the answer; throws a Refusal. */
async function call(method, path, { body, headers = {} } = {}) {
  let answer;
  let document;
  try {
    answer = await fetch(path, {
      method,
      headers: {
        ...(session.token && { authorization: `Bearer ${session.token}` }),
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(answerWithinMs),
    });
    document = await answer.json();
  } catch {
    throw new Refusal('', 'The shop cannot be reached. Check your connection.', 1_000);
  }
  if (answer.ok) return document;
  const retryAfterMs = 1_000 * Number(answer.headers.get('retry-after') ?? 1);
  throw new Refusal(document.code, document.detail, retryAfterMs);
}

/** Sends a request until it is decided, for a minute at most. `onWait` is told of every pause. */
async function callUntilDecided(method, path, options, onWait) {
  const deadline = performance.now() + retryForMs;
  for (let pauseMs = 250; ; pauseMs = Math.min(4_000, pauseMs * 2)) {
    try {
      return await call(method, path, options);
    } catch (refusal) {
      if (!(refusal instanceof Refusal) || !refusal.isUndecided) throw refusal;
      if (performance.now() > deadline) throw refusal;
      onWait(refusal);
      // A little chance, so that a crowd does not come back in the same moment.
      await sleep(Math.max(pauseMs, refusal.retryAfterMs) * (0.5 + Math.random() / 2));
    }
  }
}

/**
 * A press on "Buy" has a key and a quantity. Both are kept until it is decided, also over a reload:
 * until then every further press asks what became of the first.
 */
const intent = {
  name: (saleId) => `buy:${session.user}:${saleId}`,
  of(saleId, quantity) {
    const kept = sessionStorage.getItem(intent.name(saleId));
    if (kept) return JSON.parse(kept);
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    sessionStorage.setItem(intent.name(saleId), JSON.stringify({ key, quantity }));
    return { key, quantity };
  },
  end(saleId) {
    sessionStorage.removeItem(intent.name(saleId));
  },
};

const clock = {
  offsetMs: 0,
  now: () => Date.now() + clock.offsetMs,
  async set() {
    const asked = Date.now();
    const { now } = await call('GET', '/v1/time');
    clock.offsetMs = now - (asked + Date.now()) / 2;
  },
};

/** Follows an order by server-sent events; ends at a final status, or when the stream breaks. */
async function follow(orderId, onOrder, signal) {
  const answer = await fetch(`/v1/orders/${orderId}/events`, {
    headers: { authorization: `Bearer ${session.token}` }, signal,
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (text + value).split('\n\n');
    text = events.pop();
    for (const event of events) {
      const data = event.split('\n').find((line) => line.startsWith('data: '));
      if (data) onOrder(JSON.parse(data.slice('data: '.length)));
    }
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

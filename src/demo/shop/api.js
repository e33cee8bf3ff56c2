/* How the shop speaks to the server: a token, retries with one key, server time, event streams. */

/** Longer than the longest window of a throttle that is usual. */
const retryForMs = 180_000;
const answerWithinMs = 10_000;

const wordsOf = {
  SOLD_OUT: 'Not that many are left. Units come back when somebody does not pay in time.',
  LIMIT_EXCEEDED: 'That is more than one person may buy, or hold unpaid. Your orders count: pay or '
    + 'cancel one that waits.',
  SALE_NOT_OPEN: 'The sale has not opened yet.',
  SALE_CLOSED: 'The sale is over.',
  SALE_PAUSED: 'The sale is paused for a moment. Try again shortly.',
  SALE_TOKEN_INVALID: 'This sale is for holders of a sale token, and none could be had. Try again.',
  CAPTCHA_REQUIRED: 'The check could not be passed. Try again.',
  CAPTCHA_FAILED: 'That was not it, or it came too late. Here is a new picture.',
  CAPTCHA_STOPPED: 'Stopped. Nothing was bought.',
  WORK_IMPOSSIBLE: 'Your device cannot do the work. Please read a picture instead.',
  RATE_LIMITED: 'Many requests at the moment.',
  RISK_REJECTED: 'We could not take this purchase: it looked like one of a machine, and that is '
    + 'sometimes wrong. Nothing was bought. If you are a person, please ask the shop to review it.',
  BLACKLISTED: 'We cannot sell to you at the moment. If you think that is a mistake, please ask '
    + 'the shop to review it.',
  PAYMENT_TOO_LATE: 'The time to pay is over; the units go back on sale.',
  IDEMPOTENCY_KEY_REUSED: 'This press was already used for something else. Press again.',
  TEMPORARILY_UNAVAILABLE: 'The shop cannot answer at the moment. Try again shortly.',
  UNAUTHENTICATED: 'Please sign in again.',
  NOT_FOUND: 'That does not exist any more.',
};

/** Nothing is decided: the same request may be sent again, and must be if it was a purchase. */
const undecided = ['', 'LEFT', 'RATE_LIMITED', 'TEMPORARILY_UNAVAILABLE', 'INTERNAL_ERROR'];

/**
 * A refusal with the code of its problem document, or one of our own: '' when nobody answered, LEFT
 * when the buyer did not want to know any more. `retryAfterMs`: where the answer names it.
 */
class Refusal extends Error {
  constructor(code, detail, retryAfterMs) {
    super(wordsOf[code] ?? detail);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  get isUndecided() {
    // An order whose row is still being written can be paid in a moment.
    return undecided.includes(this.code)
      || (this.code === 'ORDER_STATE_CONFLICT' && this.retryAfterMs !== undefined);
  }
}

const session = {
  user: sessionStorage.getItem('user') ?? '',
  token: sessionStorage.getItem('token') ?? '',
  /** Aborted when this user leaves: nothing of his is sent in the name of the next. */
  left: new AbortController(),
  begin(user, token) {
    session.left.abort();
    Object.assign(session, { user, token, left: new AbortController() });
    sessionStorage.setItem('user', user);
    sessionStorage.setItem('token', token);
  },
  end() {
    session.begin('', '');
  },
};

/** The same for everybody who uses this browser, for as long as it keeps it. */
const deviceId = localStorage.getItem('device') ?? randomText();
localStorage.setItem('device', deviceId);

/** One request. Resolves to the JSON of the answer; throws a Refusal. */
async function call(method, path, { body, headers = {}, signal = session.left.signal } = {}) {
  let answer;
  let document;
  try {
    answer = await fetch(path, {
      method,
      headers: {
        'x-device-id': deviceId,
        ...(session.token && { authorization: `Bearer ${session.token}` }),
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]),
    });
    document = await answer.json();
  } catch {
    if (signal.aborted) throw new Refusal('LEFT');
    throw new Refusal('', 'The shop cannot be reached. Check your connection.', 1_000);
  }
  if (answer.ok) return document;
  const seconds = answer.headers.get('retry-after');
  throw new Refusal(document.code, document.detail,
    seconds === null ? undefined : 1_000 * Number(seconds));
}

/** Sends a request until it is decided, never before `Retry-After` says; shows every pause. */
async function callUntilDecided(method, path, { signal = session.left.signal, ...options } = {}) {
  const deadlineMs = performance.now() + retryForMs;
  for (let spreadMs = 250; ; spreadMs = Math.min(4_000, spreadMs * 2)) {
    try {
      return await call(method, path, { ...options, signal });
    } catch (refusal) {
      if (!refusal.isUndecided || signal.aborted) throw refusal;
      // A little chance, so that a crowd does not come back in the same moment.
      const pauseMs = (refusal.retryAfterMs ?? 1_000) + Math.random() * spreadMs;
      const againMs = clock.now() + pauseMs;
      if (performance.now() + pauseMs > deadlineMs) {
        refusal.message += ' The page does not ask by itself any more. Press again '
          + `in ${remaining(new Date(againMs).toISOString())}: it is the same request.`;
        throw refusal;
      }
      say(refusal.message, againMs);
      await sleep(pauseMs);
      if (signal.aborted) throw new Refusal('LEFT');
      say('Asking again …');
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
    const key = randomText();
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

/** 32 characters; `crypto.randomUUID` is only for pages that came over TLS. */
function randomText() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

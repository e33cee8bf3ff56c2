// The shop as its clients see it: calls over HTTP, each from the address of the one who calls.
import { Agent, request } from 'node:http';
import { solveChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { Webhook } from 'standardwebhooks';

const answerWithinMs = 30_000;

export class Shop {
  #url;
  #saleId;
  #webhooks;
  #agent = new Agent({ keepAlive: true, maxSockets: 400 });

  constructor({ url, saleId, webhookSecret }) {
    this.#url = new URL(url);
    this.#saleId = saleId;
    this.#webhooks = new Webhook(webhookSecret);
  }

  /** One press on the button. Resolves to {status, code, refusedBy, retryAfterSeconds, body}. */
  buy(person, { key, device, captchaToken, address = person.address }) {
    return this.#throttled(person, `/v1/sales/${this.#saleId}/orders`, { quantity: 1 },
      { address, device, headers: { 'idempotency-key': key,
        ...(captchaToken && { 'x-captcha-token': captchaToken }) } });
  }

  /** A proof of work, done for real, and `delayMs` more. Resolves to the token, or undefined. */
  async solveCaptcha(person, { device, delayMs, address = person.address }) {
    person.tally.captchasAsked += 1;
    const posed = await this.#throttled(person, '/v1/captcha/challenges',
      { saleId: this.#saleId, kind: 'pow' }, { address, device });
    if (posed.status !== 201) return undefined;
    const { id, challenge } = posed.body;
    const solution = await person.worker.run(() => solveChallenge({ challenge, deriveKey }));
    await new Promise((resolve) => { setTimeout(resolve, delayMs); });
    const answer = Buffer.from(JSON.stringify({ challenge, solution })).toString('base64');
    const judged = await this.#throttled(person, `/v1/captcha/challenges/${id}/answer`, { answer },
      { address, device });
    if (judged.status !== 200) return undefined;
    person.tally.captchasSolved += 1;
    return judged.body.captchaToken;
  }

  /** Pays an order as the payment provider reports it. Resolves to whether that was taken. */
  async pay(person, orderId) {
    const started = await this.#call('POST', `/v1/orders/${orderId}/payment`, { person });
    if (started.status !== 201) return false;
    const { paymentId, amount } = started.body;
    const body = JSON.stringify({ type: 'payment.succeeded',
      data: { orderId, paymentId, ...amount } });
    const id = `msg_${paymentId}`;
    const at = new Date();
    const reported = await this.#call('POST', '/v1/webhooks/payments', { raw: body, headers: {
      'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': this.#webhooks.sign(id, at, body) } });
    return reported.status === 200;
  }

  /** The status of an order; undefined when it is not known. */
  async statusOf(person, orderId) {
    const { body } = await this.#call('GET', `/v1/orders/${orderId}`, { person });
    return body?.status;
  }

  close() {
    this.#agent.destroy();
  }

  /** A call that the throttles count, and therefore the report. */
  async #throttled(person, path, body, { address, device, headers = {} }) {
    const { tally } = person;
    tally.requests += 1;
    const answer = await this.#call('POST', path, { person, raw: JSON.stringify(body), headers: {
      'x-forwarded-for': address, ...(device && { 'x-device-id': device }), ...headers } });
    tally.latenciesMs.push(answer.tookMs);
    tally.outcomes[answer.outcome] = (tally.outcomes[answer.outcome] ?? 0) + 1;
    return answer;
  }

  #call(method, path, { person, raw, headers = {} }) {
    const startedAt = performance.now();
    return new Promise((resolve) => {
      const done = (status, incoming, text) => { resolve({
        ...readAnswer(status, incoming, text), tookMs: performance.now() - startedAt }); };
      const outgoing = request({ host: this.#url.hostname, port: this.#url.port, path, method,
        agent: this.#agent, timeout: answerWithinMs, headers: {
          ...(raw && { 'content-type': 'application/json',
            'content-length': Buffer.byteLength(raw) }),
          ...(person && { authorization: `Bearer ${person.token}` }), ...headers } });
      outgoing.on('timeout', () => { outgoing.destroy(new Error('no answer in time')); });
      outgoing.on('error', () => { done(0, {}, ''); });
      outgoing.on('response', (incoming) => {
        const chunks = [];
        incoming.on('data', (chunk) => { chunks.push(chunk); });
        incoming.on('error', () => { done(0, {}, ''); });
        incoming.on('end', () => {
          done(incoming.statusCode, incoming.headers, Buffer.concat(chunks).toString());
        });
      });
      outgoing.end(raw);
    });
  }
}

/** `outcome`: the problem code, with the throttle that refused; `OK`, or `NO_ANSWER`. */
function readAnswer(status, headers, text) {
  const body = /json/.test(headers['content-type'] ?? '') ? JSON.parse(text) : undefined;
  const code = body?.code ?? (status === 0 ? 'NO_ANSWER' : 'OK');
  // RateLimit names the policy that refused: "user";r=0;t=3.
  const throttle = /^"([^"]+)"/.exec(headers.ratelimit ?? '')?.[1] ?? 'other';
  return { status, code, body, outcome: code === 'RATE_LIMITED' ? `${code} ${throttle}` : code,
    retryAfterSeconds: Number(headers['retry-after'] ?? 1) };
}

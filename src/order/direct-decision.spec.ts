import { fingerprint, type ReserveRequest } from '../stock';
import { decide, type DirectFacts } from './direct-decision';
import type { Order } from './order';

const facts: DirectFacts = { free: 10, limitPerUser: 2, orders: new Map(), held: new Map(),
  spentProofs: new Set() };

function request(rid: string, changes: Partial<ReserveRequest> = {}): ReserveRequest {
  return { rid, saleId: 'sale', userId: `buyer of ${rid}`, quantity: 1, traceId: '', ip: '',
    source: 'purchase', ...changes };
}

/** For each request its refusal, the id of the order that answers it, or `write`. */
function decided(requests: readonly ReserveRequest[], changes: Partial<DirectFacts> = {}) {
  return decide(requests, { ...facts, ...changes }).map((outcome) => {
    if (!outcome) return 'write';
    return outcome.kind === 'refused' ? outcome.reason : outcome.order.id;
  });
}

describe('decide', () => {
  it('counts the units that those before have taken', () => {
    expect(decided([request('a', { quantity: 2 }), request('b', { quantity: 2 }), request('c')],
      { free: 3 })).toEqual(['write', 'SOLD_OUT', 'write']);
  });

  it('counts what a buyer holds and what he takes in the same batch', () => {
    const buyer = { userId: 'greedy' };
    expect(decided(['a', 'b', 'c'].map((rid) => request(rid, buyer)),
      { held: new Map([['greedy', 1]]) })).toEqual(['write', 'LIMIT_EXCEEDED', 'LIMIT_EXCEEDED']);
  });

  it('takes nothing for who is refused', () => {
    expect(decided([request('a', { quantity: 3 }), request('b')], { free: 1 }))
      .toEqual(['SOLD_OUT', 'write']);
    expect(decided([request('a', { quantity: 3, saleTokenId: 't' }),
      request('b', { saleTokenId: 't' })])).toEqual(['LIMIT_EXCEEDED', 'write']);
  });

  it('makes one order of one id that comes twice', () => {
    expect(decided([request('a'), request('a'), request('b')], { free: 2 }))
      .toEqual(['write', 'write', 'write']);
  });

  it('lets a proof buy once, also within a batch', () => {
    expect(decided([request('a', { saleTokenId: 't' }), request('b', { saleTokenId: 't' }),
      request('c', { captchaId: 'spent' })], { spentProofs: new Set(['spent']) }))
      .toEqual(['write', 'SALE_TOKEN_INVALID', 'CAPTCHA_REQUIRED']);
  });

  it('answers an id that has an order with it, even when nobody can buy, and tells bodies apart', () => {
    const order = { id: 'a', userId: 'buyer of a', fingerprint: fingerprint(1) } as Order;
    const orders = new Map([['a', order]]);
    expect(decided([request('a'), request('a', { quantity: 2 }), request('b')],
      { orders, refusal: 'SALE_PAUSED' })).toEqual(['a', 'IDEMPOTENCY_KEY_REUSED', 'SALE_PAUSED']);
    expect(() => decided([request('a', { userId: 'thief' })], { orders })).toThrow('another');
  });
});

// Buyers, and what they send, as the text that goes over the wire.
import { hash, randomUUID } from 'node:crypto';
import { secret } from './product.mjs';
import { signerOf } from './tokens.mjs';

/** So many buyers, each somebody else with a token, a device and an address of his own. */
export function buyers(count, prefix) {
  const sign = signerOf(secret);
  return Array.from({ length: count }, (_, index) => {
    const userId = `${prefix}-${index}`;
    const [b, c, d] = hash('sha256', userId, 'buffer');
    return { userId, deviceId: `device-of-${userId}`, ip: `10.${b}.${c}.${d}`,
      token: sign(userId) };
  });
}

/** A purchase of one unit under a key of its own, with the buyer's sale token where he has one. */
export function purchaseOf(buyer, saleId) {
  return post(`/v1/sales/${saleId}/orders`, { ...identifying(buyer),
    'idempotency-key': randomUUID(), ...(buyer.saleToken && { 'x-sale-token': buyer.saleToken }) },
  '{"quantity":1}');
}

export const saleTokenOf = (buyer, saleId) =>
  post(`/v1/sales/${saleId}/tokens`, identifying(buyer), '');

/** What a buyer's page asks; `etag` is that of the answer which it has. */
export function readOf(saleId, etag) {
  return textOf('GET', `/v1/sales/${saleId}`, etag ? { 'if-none-match': etag } : {}, '');
}

function identifying({ token, deviceId, ip }) {
  return { 'authorization': `Bearer ${token}`, 'x-device-id': deviceId, 'x-forwarded-for': ip };
}

function post(path, headers, body) {
  return textOf('POST', path, { ...headers, 'content-length': body.length,
    ...(body && { 'content-type': 'application/json' }) }, body);
}

function textOf(method, path, headers, body) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines.join('')}\r\n${body}`;
}

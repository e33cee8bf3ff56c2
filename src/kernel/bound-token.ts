import { createHmac, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Whom and what a token is for; it says neither, and holds for nobody and nothing else. */
export interface TokenBinding {
  readonly userId: string;
  readonly saleId: string;
}

const timeBytes = 6;
const nonceBytes = 9;
const headBytes = timeBytes + nonceBytes;
const macBytes = 16;
// 31 bytes leave four bits of the last character without meaning: a token has one spelling only.
const pattern = /^[\w-]{41}[AQgw]$/;

/**
 * A text that proves something about one user in one sale until a moment (milliseconds since 1970):
 * 42 characters, an expiry, a random id of its own and an HMAC-SHA256 over both and the binding.
 * Kinds of tokens differ by their key.
 */
export function issueBoundToken(key: KeyObject, binding: TokenBinding, expiresAtMs: number): string {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(Math.floor(expiresAtMs), 0, timeBytes);
  randomBytes(nonceBytes).copy(head, timeBytes);
  return Buffer.concat([head, macOf(key, binding, head)]).toString('base64url');
}

/**
 * The token's own id, 12 characters by which it can be spent once; undefined when it was made for
 * somebody or something else, has run out, or was never made here.
 */
export function readBoundToken(key: KeyObject, binding: TokenBinding, token: string,
  nowMs: number): string | undefined {
  if (!pattern.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length !== headBytes + macBytes) return undefined;
  const head = bytes.subarray(0, headBytes);
  if (!timingSafeEqual(bytes.subarray(headBytes), macOf(key, binding, head))) return undefined;
  if (head.readUIntBE(0, timeBytes) <= nowMs) return undefined;
  return head.subarray(timeBytes).toString('base64url');
}

function macOf(key: KeyObject, { userId, saleId }: TokenBinding, head: Buffer): Buffer {
  // Lengths first, so that no two bindings are the same text.
  return createHmac('sha256', key).update(head)
    .update(`${userId.length}:${userId}|${saleId.length}:${saleId}`)
    .digest().subarray(0, macBytes);
}

import { randomFillSync } from 'node:crypto';

/** Crockford's base32, lower case: no i, l, o, u, so that ids survive being read aloud. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const randomCharacters = 20;

/** What an id in a path or a body may look like (source: the contract, "Ids in paths"). */
export const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * A new id, such as `sale_0a1b…`: the prefix, `_` and 20 random base32 characters (100 bits).
 * Unguessable; not ordered by time.
 */
export function newId(prefix: string): string {
  // Rejection-free: 256 is a multiple of 32, so the low five bits of a random byte are uniform.
  const bytes = randomFillSync(new Uint8Array(randomCharacters));
  let characters = '';
  for (const byte of bytes) characters += alphabet.charAt(byte & 31);
  return `${prefix}_${characters}`;
}

const randomPart = new RegExp(`^_[${alphabet}]{${randomCharacters}}$`);

/** Whether `newId(prefix)` may have made this id: what it cannot have made need not be looked up. */
export function mayBeNewId(prefix: string, id: string): boolean {
  return id.startsWith(prefix) && randomPart.test(id.slice(prefix.length));
}

/** Encodes bytes as lower-case base32, five bits a character, most significant first, unpadded. */
export function encodeBase32(bytes: Uint8Array): string {
  let characters = '';
  let pending = 0;
  let pendingBits = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pendingBits += 8;
    while (pendingBits >= 5) {
      pendingBits -= 5;
      characters += alphabet.charAt((pending >> pendingBits) & 31);
    }
    pending &= (1 << pendingBits) - 1;
  }
  if (pendingBits > 0) characters += alphabet.charAt((pending << (5 - pendingBits)) & 31);
  return characters;
}

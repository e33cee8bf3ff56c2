// Tokens of buyers and admins, as the shop around the product would sign them.
import { createSigner } from 'fast-jwt';

/** Longer than any run. */
const expiresInMs = 7_200_000;

/** Makes the token of a user, with further claims where he has some. */
export function signerOf(secret) {
  const sign = createSigner({ key: secret, algorithm: 'HS256', expiresIn: expiresInMs });
  return (userId, claims) => sign({ sub: userId, iss: 'fairdrop', aud: 'fairdrop', ...claims });
}

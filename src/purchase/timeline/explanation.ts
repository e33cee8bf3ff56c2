/** The part of the buying call that gave an answer, in the order in which a request meets them. */
export const layers = ['sale', 'authentication', 'blacklist', 'throttle', 'request', 'sale_token',
  'risk', 'captcha', 'stock', 'system'] as const;
export type Layer = (typeof layers)[number];

/** What a buyer is told instead of `blacklist` and `risk`. */
export const buyerLayers = ['sale', 'authentication', 'protection', 'throttle', 'request',
  'sale_token', 'captcha', 'stock', 'system'] as const;
export type BuyerLayer = (typeof buyerLayers)[number];

/** Who answered, and what the buyer is told about it: what happened and what he can do. */
interface Explanation {
  layer: Layer;
  sentence: string;
}

// One sentence for both: which of them it was would teach whom or what to imitate.
const protectionSentence = 'The protection of the sale did not let the request pass. If that is a '
  + 'mistake, ask the shop to review it.';
const systemSentence = 'The shop could not answer for a moment. The same request with the same '
  + 'Idempotency-Key finds out whether units are held for you.';

const explanations = new Map<string, Explanation>(Object.entries({
  accepted: { layer: 'stock', sentence: 'The units were held for you.' },
  created: { layer: 'stock', sentence: 'The units were held for you and the order was stored.' },
  known: { layer: 'stock', sentence: 'This request had been answered before: the same order.' },
  NOT_FOUND: { layer: 'sale', sentence: 'There was no such sale.' },
  SALE_NOT_OPEN: { layer: 'sale', sentence: 'The sale had not opened yet. Early requests do not '
    + 'queue: ask once it is open.' },
  SALE_PAUSED: { layer: 'sale', sentence: 'The sale was paused. Ask again when it goes on.' },
  SALE_CLOSED: { layer: 'sale', sentence: 'The sale was over.' },
  UNAUTHENTICATED: { layer: 'authentication', sentence: 'The token was missing or not valid. Sign '
    + 'in again.' },
  BLACKLISTED: { layer: 'blacklist', sentence: protectionSentence },
  RATE_LIMITED: { layer: 'throttle', sentence: 'Too many requests came in a short time. Wait as '
    + 'long as Retry-After says before the next one.' },
  SALE_TOKEN_INVALID: { layer: 'sale_token', sentence: 'The sale is for holders of a sale token, '
    + 'and the request came without one that was valid and not yet used. Ask for a token first.' },
  RISK_REJECTED: { layer: 'risk', sentence: protectionSentence },
  CAPTCHA_REQUIRED: { layer: 'captcha', sentence: 'A captcha had to be solved first, and the '
    + 'request came without the token of one that was not yet used.' },
  SOLD_OUT: { layer: 'stock', sentence: 'Fewer units were left than you asked for. Units of orders '
    + 'that are not paid come back on sale.' },
  LIMIT_EXCEEDED: { layer: 'stock', sentence: 'You would have had more than one person can buy, or '
    + 'more unpaid orders than one person can have. Pay or cancel an order that waits.' },
  IDEMPOTENCY_KEY_REUSED: { layer: 'stock', sentence: 'The Idempotency-Key had been used for '
    + 'another quantity. Use a new key for a new purchase.' },
  TEMPORARILY_UNAVAILABLE: { layer: 'system', sentence: systemSentence },
  INTERNAL_ERROR: { layer: 'system', sentence: systemSentence },
} satisfies Record<string, Explanation>));

/** Every other refusal is about how the request was written. */
const aboutTheRequest: Explanation = { layer: 'request',
  sentence: 'The request was not valid. Its answer named what to change.' };

export function layerOf(outcome: string): Layer {
  return (explanations.get(outcome) ?? aboutTheRequest).layer;
}

/** For the buyer himself: nothing about rules, scores or lists. */
export function explain(outcome: string): { layer: BuyerLayer; explanation: string } {
  const { layer, sentence } = explanations.get(outcome) ?? aboutTheRequest;
  const isProtection = layer === 'risk' || layer === 'blacklist';
  return { layer: isProtection ? 'protection' : layer, explanation: sentence };
}

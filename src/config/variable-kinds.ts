import { isIP } from 'node:net';
import { z } from 'zod';

export const integer = (minimum: number, maximum: number, fallback: number) => ({
  schema: z.string().regex(/^\d{1,9}$/).transform(Number)
    .pipe(z.number().min(minimum).max(maximum)).default(fallback),
  expected: `an integer from ${minimum} to ${maximum}`,
  example: String(fallback),
});

export const choice = <const Choice extends string>(fallback: Choice, ...others: readonly Choice[]) => ({
  schema: z.enum([fallback, ...others]).default(fallback),
  expected: [fallback, ...others].join(' | '),
  example: fallback,
});

/** A comma list; spaces around its entries do not matter. */
export const list = z.string().transform((text) => text.split(',').map((entry) => entry.trim()));

/** At most `limit` requests in any `windowSeconds`. */
export interface ThrottleWindow {
  readonly limit: number;
  readonly windowSeconds: number;
}

/** `10/1,120/60`: count/seconds, several by comma; `off` is no window at all. */
export const throttleWindows = z.string().transform((text, context): readonly ThrottleWindow[] => {
  if (text.trim() === 'off') return [];
  const windows = text.split(',').map((entry) => {
    const [, limit, seconds] = /^(\d{1,4})\/(\d{1,5})$/.exec(entry.trim()) ?? [];
    return { limit: Number(limit), windowSeconds: Number(seconds) };
  });
  if (windows.length <= 4 && windows.every(({ limit, windowSeconds }) =>
    limit >= 1 && limit <= 5_000 && windowSeconds >= 1 && windowSeconds <= 86_400)) return windows;
  context.addIssue('count/seconds, at most 4 by comma, counts to 5000, such as 10/1,120/60, or off');
  return z.NEVER;
});

export const windows = (fallback: string) => ({
  schema: z.string().default(fallback).pipe(throttleWindows),
  expected: 'count/seconds, several by comma, or off',
  example: fallback,
});

/** Requests a second that are let through; undefined lets all through. */
export const requestsPerSecond = z.string().transform((text, context): number | undefined => {
  if (text.trim() === 'off') return undefined;
  if (/^[1-9]\d{0,6}$/.test(text.trim())) return Number(text);
  context.addIssue('requests a second, from 1 to 9999999, or off');
  return z.NEVER;
});

export const rate = {
  schema: z.string().default('off').pipe(requestsPerSecond),
  expected: 'requests a second, or off',
  example: 'off',
};

/** `off` is no cap at all. */
export const cap = (fallback: number | 'off') => ({
  schema: z.string().regex(/^(off|[1-9]\d{0,5})$/).default(String(fallback))
    .transform((text) => (text === 'off' ? undefined : Number(text))),
  expected: 'a number from 1 to 999999, or off',
  example: String(fallback),
});

/** A URL with one of these schemes and a host. */
export const url = (...schemes: readonly string[]) => z.string().refine((text) => {
  const parsed = URL.parse(text);
  if (parsed === null || parsed.hostname === '') return false;
  return schemes.includes(parsed.protocol.slice(0, -1));
});

export function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (bits < 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
}

/** Narrow enough to be somebody's proxies; half of the internet is not. */
export function isProxyRange(text: string): boolean {
  const [address = '', prefix] = text.split('/');
  return isAddressRange(text)
    && (prefix === undefined || Number(prefix) >= (isIP(address) === 4 ? 8 : 7));
}

/** An origin just as a browser sends it: `https://shop.example`, with a port where it is unusual. */
export function isOrigin(text: string): boolean {
  const parsed = URL.parse(text);
  return /^https?:$/.test(parsed?.protocol ?? '') && parsed?.origin === text;
}

/** Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. */
export function isWebhookSecret(text: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (base64 === undefined) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}

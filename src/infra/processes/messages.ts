import type { Registry } from 'prom-client';

/** Every metric of one process with its values. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** What a child says: it serves; somebody scrapes it; these are its figures, asked for or its last. */
export type ToPrimary =
  | { readonly type: 'ready'; readonly url: string }
  | { readonly type: 'scrape' }
  | { readonly type: 'figures'; readonly figures: Figures };

/** What a child is told: give figures; what the scrape shows; leave the port to the others and end. */
export type ToChild =
  | { readonly type: 'measure' }
  | { readonly type: 'scraped'; readonly text: string }
  | { readonly type: 'retire' };

/** Resolves when the message is out, or cannot be sent: a child whose primary is gone ends by itself. */
export function tellPrimary(message: ToPrimary): Promise<void> {
  const sent = Promise.withResolvers<void>();
  if (process.send) process.send(message, undefined, undefined, () => { sent.resolve(); });
  else sent.resolve();
  return sent.promise;
}

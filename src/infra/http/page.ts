import { z } from 'zod';

/** How many items one page of a list has at most; read one row more to know of a next page. */
export const pageItemsAtMost = 50;

/** Where a page ended, in a list ordered by time and id, newest first. */
export interface PageEnd {
  readonly atMs: number;
  readonly id: string;
}

/** The end of a page before the first one: everything comes after it, so no query needs an if. */
export const beforeFirstPage: PageEnd = { atMs: Date.UTC(9999, 0), id: '' };

const cursorPattern = /^(\d{1,14})\.([A-Za-z0-9_-]{1,64})$/;

/** The `cursor` parameter of a list, for `@ValidQuery`: read as the end of the page before. */
export const cursorParameter = z.string().max(128).optional()
  .transform((cursor, context): PageEnd => {
    if (cursor === undefined) return beforeFirstPage;
    const text = Buffer.from(cursor, 'base64url').toString('latin1');
    const [, atMs, id] = cursorPattern.exec(text) ?? [];
    if (atMs !== undefined && id !== undefined) return { atMs: Number(atMs), id };
    context.addIssue('Send the nextCursor of the page before, or none for the first page');
    return z.NEVER;
  })
  .meta({ description: '`nextCursor` of the page before; none for the first page' });

/** Cuts what was read down to a page. `nextCursor` is null on the last one. */
export function pageOf<Row>(rows: readonly Row[], endOf: (row: Row) => PageEnd) {
  const items = rows.slice(0, pageItemsAtMost);
  const last = rows.length > items.length ? items.at(-1) : undefined;
  return { items, nextCursor: last === undefined ? null : encodeCursor(endOf(last)) };
}

/** The schema of a page of these items. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

function encodeCursor({ atMs, id }: PageEnd): string {
  return Buffer.from(`${atMs}.${id}`, 'latin1').toString('base64url');
}

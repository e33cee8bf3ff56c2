/** One answer of the buying call. `available`: units on sale then, as this process knew it. */
export interface TimelineEvent {
  saleId: string;
  userId: string;
  /** By the clock that decides, milliseconds since 1970. */
  atMs: number;
  /** `accepted`, `created`, `known`, or the problem code of a refusal. */
  outcome: string;
  quantity?: number;
  /** The id of the order, where units were held. */
  rid?: string;
  available?: number;
}

/** One answer, or the same one several times in a row; `available` is that of the first. */
export interface TimelineEntry extends Omit<TimelineEvent, 'saleId' | 'userId'> {
  lastAtMs: number;
  count: number;
}

const linePattern = /^(\d+)\|(\d+)\|(\d+)\|(\d*)\|(\w+)\|(\d*)\|(\w*)$/;

/** Whether the event only repeats what the entry says. */
export function isRepeatedBy(entry: TimelineEntry, event: TimelineEvent): boolean {
  return entry.outcome === event.outcome && entry.quantity === event.quantity
    && entry.rid === event.rid;
}

/** `at|span|count|available|outcome|quantity|rid`, as `timeline-append-1.lua` reads it. */
export function toLine(entry: TimelineEntry): string {
  const { atMs, lastAtMs, count, available, outcome, quantity, rid } = entry;
  // What is undefined joins as an empty text.
  return [atMs, lastAtMs - atMs, count, available, outcome, quantity, rid].join('|');
}

/** What cannot be read is left out: a damaged line must not hide the others. */
export function parseLines(text: string): TimelineEntry[] {
  return text.split('\n').flatMap((line) => {
    const [, at, span, count, available, outcome, quantity, rid] = linePattern.exec(line) ?? [];
    if (outcome === undefined) return [];
    return {
      atMs: Number(at), lastAtMs: Number(at) + Number(span), count: Number(count), outcome,
      ...(available && { available: Number(available) }),
      ...(quantity && { quantity: Number(quantity) }),
      ...(rid && { rid }),
    };
  });
}

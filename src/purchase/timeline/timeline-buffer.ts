import { isRepeatedBy, type TimelineEntry, type TimelineEvent } from './timeline-entry';

/** How many entries are kept of one buyer in one sale. */
export const entriesPerBuyerAtMost = 20;
const entriesAtMost = 10_000;

/** By sale and by user, oldest entry first. */
export type BufferedEntries = ReadonlyMap<string, ReadonlyMap<string, readonly TimelineEntry[]>>;

/** What this process has answered since it last wrote it down; bounded, whatever comes. */
export class TimelineBuffer {
  private sales = new Map<string, Map<string, TimelineEntry[]>>();
  private entryCount = 0;

  /** False when there is no room for another entry: the event is not kept. */
  add(event: TimelineEvent): boolean {
    const entries = this.sales.get(event.saleId)?.get(event.userId);
    const last = entries?.at(-1);
    if (last && isRepeatedBy(last, event)) {
      last.count += 1;
      last.lastAtMs = Math.max(last.lastAtMs, event.atMs);
      return true;
    }
    if (entries?.length === entriesPerBuyerAtMost) entries.shift();
    else if (this.entryCount === entriesAtMost) return false;
    else this.entryCount += 1;
    const { atMs, outcome, quantity, rid, available } = event;
    (entries ?? this.begin(event)).push(
      { atMs, lastAtMs: atMs, count: 1, outcome, quantity, rid, available });
    return true;
  }

  /** Everything since the last call. */
  take(): BufferedEntries {
    const { sales } = this;
    this.sales = new Map();
    this.entryCount = 0;
    return sales;
  }

  private begin({ saleId, userId }: TimelineEvent): TimelineEntry[] {
    const buyers = this.sales.get(saleId) ?? new Map<string, TimelineEntry[]>();
    this.sales.set(saleId, buyers);
    const entries: TimelineEntry[] = [];
    buyers.set(userId, entries);
    return entries;
  }
}

import { z } from 'zod';
import type { BlacklistEntry, NewBlacklistEntry } from './blacklist-entry';
import { kindParameter, newEntryBody, readSubject } from './blacklist.schemas';
import { readCsv, toCsvLine } from './csv';

const columns = ['kind', 'value', 'reason', 'expiresAt', 'createdBy', 'createdAt'] as const;
const requiredColumns = ['kind', 'value', 'reason'] as const;
type Column = (typeof columns)[number];

export const csvHeader = toCsvLine(columns);

/** One entry as a line of CSV. */
export function toCsv(entry: BlacklistEntry): string {
  const { kind, value, reason, expiresAtMs, createdBy, createdAtMs } = entry;
  const expiresAt = expiresAtMs === undefined ? '' : new Date(expiresAtMs).toISOString();
  return toCsvLine(
    [kind, value, reason, expiresAt, createdBy, new Date(createdAtMs).toISOString()]);
}

/**
 * The entries that a CSV text holds, or every fault in it with its line. Who created an exported
 * entry, and when, is not taken over: whoever imports it decides anew.
 */
export function readEntries(text: string, nowMs: number):
  { entries: NewBlacklistEntry[]; faults: string[] } {
  const { records: [header, ...records], fault } = readCsv(text);
  if (fault !== undefined) return { entries: [], faults: [fault] };
  if (header === undefined || !isHeader(header.cells)) {
    return { entries: [], faults: [`The first line must name columns of ${columns.join(',')}; `
      + `${requiredColumns.join(',')} are needed`] };
  }
  const entries = new Map<string, NewBlacklistEntry>();
  const faults: string[] = [];
  for (const { line, cells } of records) {
    const entry = cells.length === header.cells.length
      ? readEntry(new Map(header.cells.map((column, index) => [column, cells[index] ?? ''])), nowMs)
      : `${cells.length} cells instead of ${header.cells.length}`;
    if (typeof entry === 'string') {
      faults.push(`Line ${line}: ${entry}`);
      continue;
    }
    const subject = `${entry.kind} ${entry.value}`;
    if (entries.has(subject)) faults.push(`Line ${line}: ${subject} stands in an earlier line`);
    entries.set(subject, entry);
  }
  return { entries: [...entries.values()], faults };
}

function isHeader(cells: readonly string[]): cells is Column[] {
  return new Set(cells).size === cells.length
    && cells.every((cell) => (columns as readonly string[]).includes(cell))
    && requiredColumns.every((column) => cells.includes(column));
}

/** The entry of one line, or what is wrong with it. */
function readEntry(cells: ReadonlyMap<Column, string>, nowMs: number): NewBlacklistEntry | string {
  const kind = kindParameter.safeParse(cells.get('kind'));
  if (!kind.success) return `kind must be one of ${kindParameter.options.join(', ')}`;
  const subject = readSubject(kind.data, cells.get('value') ?? '');
  if ('fault' in subject) return subject.fault;
  const rest = newEntryBody.safeParse(
    { reason: cells.get('reason'), expiresAt: cells.get('expiresAt') || undefined });
  if (!rest.success) return z.prettifyError(rest.error).replaceAll('\n', ' ');
  const { reason, expiresAt } = rest.data;
  if (expiresAt === undefined) return { ...subject, reason };
  return expiresAt > nowMs ? { ...subject, reason, expiresAtMs: expiresAt }
    : 'expiresAt must be in the future';
}

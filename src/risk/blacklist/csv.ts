/** One record of a CSV text; `line` is where it begins, counted from 1. */
export interface CsvRecord {
  line: number;
  cells: string[];
}

/**
 * Spreadsheets run cells that begin like this as formulas (source: OWASP, CSV Injection). Quotes in
 * front of it belong to the pattern, so that exactly one is put there and taken away again.
 */
const formula = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const guardedFormula = /^'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** A quoted or a plain cell, then what ends it: a comma, a line end, or the end of the text. */
const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

/** A line of CSV (RFC 4180) with its line end; no cell of it is run as a formula. */
export function toCsvLine(cells: readonly string[]): string {
  return `${cells.map(toCell).join(',')}\r\n`;
}

/** The records of a CSV text without empty lines; stops at the first fault, a sentence. */
export function readCsv(text: string): { records: CsvRecord[]; fault?: string } {
  const records: CsvRecord[] = [];
  let line = 1;
  let record: CsvRecord = { line, cells: [] };
  // Spreadsheets put a byte order mark in front.
  cell.lastIndex = text.startsWith('\ufeff') ? 1 : 0;
  for (;;) {
    const match = cell.exec(text);
    if (match === null) {
      return { records, fault: `Line ${line}: a cell with a quote must begin and end with one, `
        + 'and quotes inside of it are doubled' };
    }
    const [whole, quoted, plain = '', end] = match;
    record.cells.push(withoutGuard(quoted?.replaceAll('""', '"') ?? plain));
    line += whole.split('\n').length - 1;
    if (end === ',') continue;
    if (record.cells.length > 1 || record.cells[0] !== '') records.push(record);
    if (end === '') return { records };
    record = { line, cells: [] };
  }
}

function toCell(text: string): string {
  const guarded = formula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

function withoutGuard(text: string): string {
  return guardedFormula.test(text) ? text.slice(1) : text;
}

import { appendFileSync } from 'node:fs';
import type { OrderStatus } from '../../../src/stock';
import type { Problem } from '../../support/client';

/** What one client asked of one process, with all that is known before the answer. */
export interface Question {
  /** Where it was asked. */
  process: string;
  /** Who looks: one reader, for whom no status may go back. */
  client: string;
  operation: 'buy' | 'read' | 'pay' | 'cancel';
  rid?: string;
  key: string;
  /** Who asks, by his token. */
  userId: string;
  saleId: string;
  quantity: number;
}

/**
 * One line of a history. `unknown`: no answer, or one that decides nothing (a 5xx): what was asked
 * for may have been done, be done later, or never. Times are milliseconds of one clock.
 */
export interface HistoryLine extends Question {
  at: string;
  invokedMs: number;
  answeredMs: number;
  answer: 'ok' | 'refused' | 'unknown';
  status?: number;
  code?: string;
  orderStatus?: OrderStatus;
}

/** As much of an answer over HTTP as a history keeps. */
export interface Heard {
  status: number;
  body: (Problem & { id?: string; status?: string }) | undefined;
}

/** Remembers what clients asked and heard, and appends each line to a file as it is known. */
export class History {
  readonly lines: HistoryLine[] = [];

  /** `path` of a JSONL file. */
  constructor(readonly path: string) {}

  /** Asks, and resolves to the line; a connection that breaks is a line, too. */
  async record(question: Question, ask: () => Promise<Heard>): Promise<HistoryLine> {
    const invokedMs = performance.now();
    const heard = await ask().catch(() => undefined); // nobody knows what was done
    const line: HistoryLine = {
      at: new Date().toISOString(), ...question, invokedMs, answeredMs: performance.now(),
      ...(heard ? meaningOf(question, heard) : { answer: 'unknown' }),
    };
    this.lines.push(line);
    appendFileSync(this.path, `${JSON.stringify(line)}\n`);
    return line;
  }
}

function meaningOf({ operation }: Question, { status, body }: Heard): Partial<HistoryLine>
  & Pick<HistoryLine, 'answer'> {
  if (status >= 300) {
    return { answer: status >= 500 ? 'unknown' : 'refused', status, code: body?.code };
  }
  // What the webhook of a payment answers is not the order.
  if (operation === 'pay') return { answer: 'ok', status };
  return { answer: 'ok', status, rid: body?.id, orderStatus: body?.status as OrderStatus };
}

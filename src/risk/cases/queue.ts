import type { Finding } from './risk-case';

/** Findings to open a case of, and the schedule that finishes what a crash left half done. */
export const riskQueue = 'risk-cases';

export const openCase = 'open-case';
export const freezeAgain = 'freeze-again';
export const settleCases = 'settle-cases';

/** What was found, when, and the id of the case that it opens: a repeated job finds that case. */
export type OpenCaseJob = Finding & { caseId: string; foundAtMs: number };
export interface FreezeAgainJob { caseId: string }

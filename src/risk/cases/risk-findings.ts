import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { ServerClock } from '../../infra/redis';
import { newId } from '../../kernel';
import { openCase, riskQueue, type OpenCaseJob } from './queue';
import type { Finding } from './risk-case';

/** A bot presses on: one report a user and minute is enough for the worker. */
const quietMs = 60_000;
const rememberedAtMost = 10_000;

/** Hands findings to the worker, off the path of the request that caused them. */
@Injectable()
export class RiskFindings {
  private readonly logger = new Logger('RiskFindings');
  /** User id → until when nothing more is reported of him, the earliest first. */
  private readonly quietUntilMs = new Map<string, number>();

  constructor(
    @InjectQueue(riskQueue) private readonly queue: Queue<OpenCaseJob>,
    private readonly clock: ServerClock,
  ) {}

  /** Never throws: a finding that is lost comes again with the buyer's next attempt. */
  report(finding: Finding): void {
    const nowMs = performance.now();
    const { userId } = finding;
    if ((this.quietUntilMs.get(userId) ?? 0) > nowMs) return;
    this.quietUntilMs.delete(userId);
    this.quietUntilMs.set(userId, nowMs + quietMs);
    if (this.quietUntilMs.size > rememberedAtMost) {
      const [oldest = ''] = this.quietUntilMs.keys();
      this.quietUntilMs.delete(oldest);
    }
    const job = { ...finding, caseId: newId('case'), foundAtMs: this.clock.now() };
    this.queue.add(openCase, job).catch((error: unknown) => {
      this.quietUntilMs.delete(userId);
      this.logger.warn({ msg: 'finding not reported', userId, error: String(error),
        action: 'the next attempt reports it again' });
    });
  }
}

import { InjectQueue, Processor } from '@nestjs/bullmq';
import { Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { QueueProcessor, Schedules, workerDefaults } from '../../infra/queue';
import { freezeAgain, openCase, riskQueue, settleCases, type FreezeAgainJob, type OpenCaseJob }
  from './queue';
import { RiskCaseOpening } from './risk-case-opening';
import { RiskCaseReview } from './risk-case-review';
import { RiskCaseStore } from './risk-case-store';

const settleEveryMs = 15_000;

/** Opens cases, and finishes on a schedule what a crash left half done. */
@Processor(riskQueue, { ...workerDefaults, concurrency: 4 })
export class RiskCasesProcessor extends QueueProcessor implements OnApplicationBootstrap {
  private readonly logger = new Logger('RiskCases');

  constructor(
    @InjectQueue(riskQueue) private readonly queue: Queue,
    private readonly schedules: Schedules,
    private readonly opening: RiskCaseOpening,
    private readonly review: RiskCaseReview,
    private readonly store: RiskCaseStore,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.schedules.every(this.queue, settleCases, settleEveryMs);
  }

  override async process({ name, data }: Job): Promise<void> {
    switch (name) {
      case openCase:
        await this.opening.open(data as OpenCaseJob);
        return;
      case freezeAgain: return this.opening.freezeLate((data as FreezeAgainJob).caseId);
      case settleCases: return this.settleAll();
      default: throw new Error(`No job of risk cases is called ${name}`);
    }
  }

  /** A case that cannot be completed, such as one of a damaged sale, keeps no other waiting. */
  private async settleAll(): Promise<void> {
    for (const riskCase of await this.store.unsettled()) {
      try {
        await (riskCase.status === 'open' ? this.opening : this.review).complete(riskCase);
      } catch (error) {
        this.logger.warn({ msg: 'case not completed', caseId: riskCase.id, error: String(error),
          action: 'the next run tries again' });
      }
    }
  }
}

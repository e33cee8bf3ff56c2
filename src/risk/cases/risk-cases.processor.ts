import { InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import type { OnApplicationBootstrap } from '@nestjs/common';
import type { Job, Queue } from 'bullmq';
import { Schedules, workerDefaults } from '../../infra/queue';
import { freezeAgain, openCase, riskQueue, settleCases, type FreezeAgainJob, type OpenCaseJob }
  from './queue';
import { RiskCaseOpening } from './risk-case-opening';
import { RiskCaseReview } from './risk-case-review';

const settleEveryMs = 15_000;

/** Opens cases, and finishes on a schedule what a crash left half done. */
@Processor(riskQueue, { ...workerDefaults, concurrency: 4 })
export class RiskCasesProcessor extends WorkerHost implements OnApplicationBootstrap {
  constructor(
    @InjectQueue(riskQueue) private readonly queue: Queue,
    private readonly schedules: Schedules,
    private readonly opening: RiskCaseOpening,
    private readonly review: RiskCaseReview,
  ) {
    super();
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.schedules.every(this.queue, settleCases, settleEveryMs);
  }

  override async process({ name, data }: Job): Promise<void> {
    switch (name) {
      case openCase:
        await this.opening.open(data as OpenCaseJob);
        return;
      case freezeAgain: return this.opening.freezeLate((data as FreezeAgainJob).caseId);
      case settleCases: return this.review.settleAll();
      default: throw new Error(`No job of risk cases is called ${name}`);
    }
  }
}

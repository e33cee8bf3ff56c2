import { Logger } from '@nestjs/common';
import { Queue, Worker } from 'bullmq';

const logger = new Logger('Queues');
const fullRestMs = 1_000;

/** Reports its faults from the start: those that nobody listens for, BullMQ prints as they are. */
export class ReportingQueue extends Queue {
  constructor(...settings: ConstructorParameters<typeof Queue>) {
    super(...settings);
    this.on('error', (error) => {
      logger.debug({ msg: 'queue connection fault', queue: this.name, error: error.message });
    });
  }
}

/** Reports its faults, once per outage, and the jobs that fail. */
export class ReportingWorker extends Worker {
  constructor(...settings: ConstructorParameters<typeof Worker>) {
    super(...settings);
    let lastMessage = '';
    this.on('error', ({ message }) => {
      if (message !== lastMessage) {
        logger.warn({ msg: 'worker fault', queue: this.name, error: message });
      }
      lastMessage = message;
    });
    this.on('failed', (job, error) => {
      logger.warn({ msg: 'job failed', queue: this.name, job: job?.name, jobId: job?.id,
        attempts: job?.attemptsMade, err: error });
    });
  }

  /** A Redis that is full refuses even this: it is asked again after a rest, not as fast as it answers. */
  protected override async moveToActive(...token: Parameters<Worker['moveToActive']>) {
    try {
      return await super.moveToActive(...token);
    } catch (error) {
      if (String(error).includes('OOM') && !this.closing) await this.delay(fullRestMs);
      throw error;
    }
  }
}

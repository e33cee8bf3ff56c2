import { Injectable } from '@nestjs/common';

/** Whether this process still wants work. */
@Injectable()
export class Lifecycle {
  private readonly controller = new AbortController();

  /** Aborted as soon as the process begins to stop: long answers such as event streams end then. */
  readonly stopping: AbortSignal = this.controller.signal;

  /** From now on `/health/ready` says no; requests are still answered until the server closes. */
  beginStopping(): void {
    this.controller.abort();
  }
}

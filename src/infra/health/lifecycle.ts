import { Injectable } from '@nestjs/common';

/** Whether this process still wants new requests. */
@Injectable()
export class Lifecycle {
  private stopping = false;

  get isStopping(): boolean {
    return this.stopping;
  }

  /** From now on `/health/ready` says no; requests are still answered until the server closes. */
  beginStopping(): void {
    this.stopping = true;
  }
}

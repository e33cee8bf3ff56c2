import { Injectable } from '@nestjs/common';

/** Whether this process still wants new requests. */
@Injectable()
export class Lifecycle {
  /** Redis is gone, and sales go on without it: then it must not make the process unready. */
  sellsWithoutRedis = false;
  private stopping = false;

  get isStopping(): boolean {
    return this.stopping;
  }

  /** From now on `/health/ready` says no; requests are still answered until the server closes. */
  beginStopping(): void {
    this.stopping = true;
  }
}

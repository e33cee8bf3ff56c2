import { Injectable } from '@nestjs/common';

const rememberedAtMost = 50_000;

/**
 * Attempts to buy before a sale opened, in the memory of this process: they are refused before any
 * server is asked, and must cost none afterwards. Of more buyers than fit, the earliest are
 * forgotten. A process knows what came to it, which is what a connection that is kept open sends.
 */
@Injectable()
export class EarlyAttempts {
  private readonly counts = new Map<string, number>();

  add(saleId: string, userId: string): void {
    const id = idOf(saleId, userId);
    const count = (this.counts.get(id) ?? 0) + 1;
    this.counts.delete(id);
    this.counts.set(id, count);
    if (this.counts.size > rememberedAtMost) {
      const [oldest = ''] = this.counts.keys();
      this.counts.delete(oldest);
    }
  }

  of(saleId: string, userId: string): number {
    return this.counts.get(idOf(saleId, userId)) ?? 0;
  }
}

/** Neither id has a space. */
function idOf(saleId: string, userId: string): string {
  return `${saleId} ${userId}`;
}

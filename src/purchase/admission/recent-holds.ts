import { Injectable } from '@nestjs/common';

const generationSize = 10_000;

/** Which purchases this process has lately said yes to: between 10,000 and 20,000 of them. */
@Injectable()
export class RecentHolds {
  private current = new Set<string>();
  private before = new Set<string>();

  add(rid: string): void {
    this.current.add(rid);
    if (this.current.size < generationSize) return;
    this.before = this.current;
    this.current = new Set();
  }

  has(rid: string): boolean {
    return this.current.has(rid) || this.before.has(rid);
  }
}

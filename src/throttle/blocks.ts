import type { Refusals } from './refusals';

/** Until when an identity is refused, and by which window. By the clock of `performance.now()`. */
export interface Block {
  readonly endsAtMs: number;
  readonly refusals: Refusals;
}

const blocksAtMost = 50_000;

/** Which identities are refused anyhow, in the memory of this process: at most so many. */
export class Blocks {
  private readonly blocks = new Map<string, Block>();

  constructor(private readonly atMost = blocksAtMost) {}

  get size(): number {
    return this.blocks.size;
  }

  find(id: string, nowMs: number): Block | undefined {
    const block = this.blocks.get(id);
    if (block === undefined || block.endsAtMs > nowMs) return block;
    this.blocks.delete(id);
    return undefined;
  }

  /** Of two answers about one identity, which may come in any order, the longer one stands. */
  add(id: string, block: Block): void {
    const known = this.blocks.get(id);
    if (known !== undefined && known.endsAtMs >= block.endsAtMs) return;
    if (known === undefined && this.blocks.size >= this.atMost) this.dropEarliest();
    this.blocks.set(id, block);
  }

  /** Drops the quarter that ends first: rarely, so that it costs little for each one added. */
  private dropEarliest(): void {
    const ends = Float64Array.from(this.blocks.values(), ({ endsAtMs }) => endsAtMs).sort();
    const lastToDrop = ends[ends.length >> 2] ?? 0;
    for (const [id, { endsAtMs }] of this.blocks) {
      if (endsAtMs <= lastToDrop) this.blocks.delete(id);
    }
  }
}

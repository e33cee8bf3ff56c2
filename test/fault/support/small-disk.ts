import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of a few megabytes, for a server whose disk shall become full. */
export class SmallDisk {
  private constructor(readonly folder: string) {}

  /** Undefined where this process may not mount anything. */
  static mount(megabytes: number): SmallDisk | undefined {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'disk-'));
    const options = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder];
    try {
      execFileSync('mount', options, { stdio: 'ignore' });
      return new SmallDisk(folder);
    } catch {
      rmdirSync(folder);
      return undefined;
    }
  }

  /** Takes every byte that is left. */
  fill(): void {
    const { bavail: blocks, bsize: blockBytes } = statfsSync(this.folder);
    try {
      writeFileSync(this.filler, Buffer.alloc(blocks * blockBytes));
    } catch (error) {
      // The server has taken some meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /** Gives back what `fill` took. */
  free(): void {
    rmSync(this.filler);
  }

  /** As if new, after its server has stopped. */
  empty(): void {
    for (const name of readdirSync(this.folder)) {
      rmSync(join(this.folder, name), { recursive: true });
    }
  }

  /** After its server has stopped. */
  unmount(): void {
    execFileSync('umount', [this.folder]);
    rmdirSync(this.folder);
  }

  private get filler(): string {
    return join(this.folder, 'filler');
  }
}

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** EXT4_IOC_SHUTDOWN of linux/fs/ext4, and EXT4_GOING_FLAGS_NOLOGFLUSH: nothing more is written. */
const shutDown = 'open(my $disk, "<", $ARGV[0]) or die $!;'
  + ' ioctl($disk, 0x8004587D, my $noFlush = pack("L", 2)) or die $!;';

/**
 * A file system of its own, for servers whose machine shall lose power: what they have not synced is
 * gone then, as on a real disk, and what they have is there. An ext4 image behind a loop device.
 */
export class MortalDisk {
  private constructor(private readonly parts: string) {}

  /** Undefined where this process may not mount anything. */
  static mount(megabytes: number): MortalDisk | undefined {
    const parts = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'disk-'));
    const disk = new MortalDisk(parts);
    try {
      writeFileSync(disk.image, '');
      truncateSync(disk.image, megabytes * 1024 ** 2);
      execFileSync('mkfs.ext4', ['-q', '-F', disk.image], { stdio: 'ignore' });
      mkdirSync(disk.folder);
      disk.attach();
      return disk;
    } catch {
      rmSync(parts, { recursive: true });
      return undefined;
    }
  }

  get folder(): string {
    return join(this.parts, 'mounted');
  }

  /** Whatever was written until now is kept, whoever wrote it. */
  sync(): void {
    execFileSync('sync', ['--file-system', this.folder]);
  }

  /** From now on every write and sync fails, and what was not synced is lost: kill its servers next. */
  losePower(): void {
    execFileSync('perl', ['-e', shutDown, this.folder]);
  }

  /** After `losePower`, once its servers are dead: with what its journal knows. */
  comeBack(): void {
    execFileSync('umount', [this.folder]);
    this.attach();
  }

  /** After its servers have stopped. */
  unmount(): void {
    execFileSync('umount', [this.folder]);
    rmSync(this.parts, { recursive: true });
  }

  private get image(): string {
    return join(this.parts, 'image');
  }

  private attach(): void {
    execFileSync('mount', ['-o', 'loop', this.image, this.folder], { stdio: 'ignore' });
  }
}

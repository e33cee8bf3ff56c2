// Where the servers of a run live, and how they end when the run is broken off.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stopOrphansBelow } from '../../tools/lib/processes.mjs';

const folders = new Set();

/** An empty folder, removed with what `started` will stop. */
export function temporaryFolder(started) {
  const folder = mkdtempSync(join(tmpdir(), 'fairdrop-bench-'));
  folders.add(folder);
  started.defer(() => {
    rmSync(folder, { recursive: true, force: true });
    folders.delete(folder);
  });
  return folder;
}

/** Servers are not ended by a Ctrl-C in our terminal, as our own processes are. */
export function stopServersOnSignal() {
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    // A second one must not end us amid this: npm hands on what the whole group has got already.
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      void Promise.all([...folders].map(async (folder) => {
        await stopOrphansBelow(folder);
        rmSync(folder, { recursive: true, force: true });
      })).finally(() => process.exit(1));
    });
  }
}

/** Builds again when a source changes, for `npm run dev`. */
import { watch } from 'node:fs';
import { join } from 'node:path';
import { sayError } from './console.mjs';
import { ensureBuild, root } from './packages.mjs';

const settleMs = 200;

/**
 * Watches src/ and migrations/. A build that fails is shown and leaves the running program alone.
 *
 * @param {() => Promise<void>} onBuilt called after each build that changed something
 */
export function watchSources(onBuilt) {
  let timer;
  let building = false;
  let changed = false;
  const rebuild = async () => {
    if (building) {
      changed = true;
      return;
    }
    building = true;
    try {
      do {
        changed = false;
        if (await ensureBuild({ keep: true })) await onBuilt();
      } while (changed);
    } catch (error) {
      sayError(error);
    }
    building = false;
  };
  for (const folder of ['src', 'migrations']) {
    // An editor writes a file in several events: the build waits until they settle.
    watch(join(root, folder), { recursive: true }, () => {
      clearTimeout(timer);
      timer = setTimeout(rebuild, settleMs);
    });
  }
}

import { appendFileSync, cpSync, globSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../..');

/**
 * A build of this product in a folder whose scripts are others to Redis: each has another SHA-1.
 * Resolves to the path of its main.js.
 */
export function buildWithOtherScripts(folder: string): string {
  const dist = join(folder, 'dist');
  cpSync(join(root, 'dist'), dist, { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const scripts = globSync('**/*.lua', { cwd: dist });
  if (scripts.length === 0) throw new Error('The build has no scripts');
  for (const script of scripts) appendFileSync(join(dist, script), '\n-- of another version\n');
  return join(dist, 'src/main.js');
}

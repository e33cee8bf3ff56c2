import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../..');
const scripts = 'src/stock/lua';

/**
 * What a next version could write besides: an entry of the outbox begins with a field that nobody
 * knows yet, and the hash of the sale has one more. Programs of both builds read what both write.
 */
const changes: Readonly<Record<string, readonly [from: string, to: string][]>> = {
  'reserve-7.lua': [
    ["redis.call('XADD', outbox, '*',", "redis.call('XADD', outbox, '*', 'build', 'next',"],
    ["redis.call('HSET', users, userId, held + units)",
      "redis.call('HSET', users, userId, held + units)\nredis.call('HINCRBY', meta, 'byNext', 1)"],
  ],
  'requeue-4.lua': [
    ["redis.call('XADD', outbox, '*',", "redis.call('XADD', outbox, '*', 'build', 'next',"],
  ],
};

/**
 * A build of this product in a folder whose scripts write more than ours. Resolves to the path of its
 * main.js; the purchases that its scripts have let in are counted in the field byNext of the sale.
 */
export function buildWithOtherScripts(folder: string): string {
  const dist = join(folder, 'dist');
  cpSync(join(root, 'dist'), dist, { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [name, edits] of Object.entries(changes)) {
    const path = join(dist, scripts, name);
    let text = readFileSync(path, 'utf8');
    for (const [from, to] of edits) {
      if (text.split(from).length !== 2) throw new Error(`Not once in ${name}: ${from}`);
      text = text.replace(from, () => to);
    }
    writeFileSync(path, text);
  }
  return join(dist, 'src/main.js');
}

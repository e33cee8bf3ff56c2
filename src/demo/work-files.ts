import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const library = join(dirname(require.resolve('altcha-lib')), '..', '..', 'esm', 'v2');

/** Where each file of the worker lies: ours first, then the parts of ALTCHA's library it needs. */
const places = {
  'work.js': join(__dirname, 'shop', 'work.js'),
  'pow.js': join(library, 'pow.js'),
  'helpers.js': join(library, 'helpers.js'),
  'types.js': join(library, 'types.js'),
  'pbkdf2.js': join(library, 'algorithms', 'web', 'pbkdf2.js'),
} as const;

export type WorkFile = keyof typeof places;
export const workFiles = Object.keys(places) as [WorkFile, ...WorkFile[]];

/** The script, with its imports from one folder: there all of them are served. */
export function readWorkFile(file: WorkFile): string {
  return readFileSync(places[file], 'utf8').replace(/( from ')[./]+\//g, '$1./');
}

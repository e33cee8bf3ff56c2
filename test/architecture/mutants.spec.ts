import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mutants } from '../mutants/mutants.mjs';

const root = join(__dirname, '../..');

describe('the guards that npm run test:mutants switches off', () => {
  it.each(mutants)('$guard: stands in one place of $path', ({ path, find }) => {
    expect(readFileSync(join(root, path), 'utf8').split(find)).toHaveLength(2);
  });

  it.each(mutants)('$guard: is looked after by tests that exist', ({ specs }) => {
    expect(specs.length).toBeGreaterThan(0);
    expect(specs.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('have names of their own', () => {
    expect(new Set(mutants.map(({ guard }) => guard)).size).toBe(mutants.length);
  });
});

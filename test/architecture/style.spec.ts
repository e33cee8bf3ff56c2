import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { filesBelow, nodesOf, parse, placeOf, read, root } from './source';

const linesAtMost = 300;
const columnsAtMost = 110;
/** They hold no domain: what they promise stands in the files themselves or one level below. */
const withoutReadme = new Set(['cli', 'config', 'infra', 'kernel']);

const own = parse('src', 'migrations', 'test');

describe('the source', () => {
  it('has no file of more than 300 lines', () => {
    const long = own.filter(({ text }) => text.split('\n').length > linesAtMost + 1);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it('has no line of more than 110 columns', () => {
    const long = ['src', 'migrations', 'test', 'bench', 'tools'].flatMap(filesBelow)
      .filter((path) => /\.(?:ts|mjs)$/.test(path)).flatMap((path) => read(path).split('\n')
        .flatMap((line, index) => (line.length > columnsAtMost ? [`${path}:${index + 1}`] : [])));
    expect(long).toEqual([]);
  });

  it('never says any', () => {
    const found = own.flatMap((file) => [...nodesOf(file.syntax)]
      .filter((node) => node.kind === ts.SyntaxKind.AnyKeyword)
      .map((node) => placeOf(file, node)));
    expect(found).toEqual([]);
  });

  it('silences neither the linter nor the compiler, and puts nothing off', () => {
    // Written apart, so that this file does not find itself.
    const words = ['eslint-' + 'disable', '@ts-' + 'ignore', '@ts-' + 'expect-error',
      '@ts-' + 'nocheck', 'TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'];
    const pattern = new RegExp(words.map((word) => `${word}\\b`).join('|'));
    const paths = ['src', 'migrations', 'test', 'tools'].flatMap(filesBelow);
    expect(paths.filter((path) => pattern.test(read(path)))).toEqual([]);
  });

  it('writes to the log and never to the console, but for the commands', () => {
    const served = parse('src').filter(({ path }) => !path.startsWith('src/cli/'));
    const found = served.flatMap((file) => [...nodesOf(file.syntax)]
      .filter((node) => ts.isPropertyAccessExpression(node)
        && node.expression.getText(file.syntax) === 'console')
      .map((node) => placeOf(file, node)));
    expect(found).toEqual([]);
  });

  it('has a README.md in every domain folder', () => {
    const folders = new Set(filesBelow('src').map((path) => path.split('/'))
      .filter(({ length }) => length > 2).map(([, folder = '']) => folder));
    const missing = [...folders].filter((folder) => !withoutReadme.has(folder)
      && !existsSync(join(root, 'src', folder, 'README.md')));
    expect(missing).toEqual([]);
  });
});

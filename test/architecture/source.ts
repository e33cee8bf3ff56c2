import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

export const root = join(__dirname, '../..');

/** One TypeScript file of the repository. Paths are relative to its top, with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly syntax: ts.SourceFile;
  /** The files of the repository that it imports, without extension; `src/stock` is its index. */
  readonly imports: readonly string[];
}

/** Every file below a folder of the repository, sorted. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => join(folder, path))
    .filter((path) => statSync(join(root, path)).isFile())
    .sort();
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Parses the TypeScript files below these folders. */
export function parse(...folders: string[]): SourceFile[] {
  return folders.flatMap(filesBelow).filter((path) => path.endsWith('.ts')).map((path) => {
    const text = read(path);
    const syntax = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    return { path, text, syntax, imports: importsOf(path, text) };
  });
}

function importsOf(path: string, text: string): string[] {
  // Also finds `import('./x')` in types, which leaves no trace in the built program.
  return ts.preProcessFile(text, true, true).importedFiles
    .map(({ fileName }) => fileName).filter((name) => name.startsWith('.'))
    .map((name) => targetOf(path, name));
}

/** What a file means by a relative import: a file of the repository, without extension. */
export function targetOf(path: string, name: string): string {
  return relative(root, join(root, dirname(path), name));
}

/** Every node of a file, the outer ones first. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => { children.push(child); });
  for (const child of children) yield* nodesOf(child);
}

/** `src/a/b.ts:12`, for the report of a fault. */
export function placeOf({ path, syntax }: SourceFile, node: ts.Node): string {
  return `${path}:${syntax.getLineAndCharacterOfPosition(node.getStart(syntax)).line + 1}`;
}

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { nodesOf, parse, root, targetOf, type SourceFile } from './source';

/** What each folder of src/ may import beside itself and the folders of `forEveryDomain`. */
const directions: Record<string, readonly string[]> = {
  kernel: [],
  config: [],
  infra: ['kernel', 'config'],
  auth: [],
  sale: [],
  stock: ['sale'],
  order: ['stock', 'sale'],
  payment: ['order'],
  reconciliation: ['stock', 'sale', 'order'],
  throttle: [],
  captcha: ['sale', 'throttle', 'risk'],
  risk: ['sale', 'order'],
  purchase: ['stock', 'sale', 'order', 'throttle', 'captcha', 'risk'],
  tcc: ['stock', 'sale', 'order'],
  demo: ['stock', 'sale', 'reconciliation'],
};
const forEveryDomain = ['auth', 'infra', 'config', 'kernel'];
const notDomains = new Set(['kernel', 'config', 'infra']);
/** They put the rest together and may import everything. */
const composers = /^src\/(main|start-roles|app\.module|create-application)$|^src\/cli\//;

const sources = parse('src', 'test', 'migrations');
const files = sources.filter(({ path }) => path.startsWith('src/') && !path.endsWith('.spec.ts'));
const imports = files.flatMap((file) =>
  file.imports.map((to) => ({ from: file.path.replace(/\.ts$/, ''), to })));

/** The door that others must use: `src/stock`, `src/infra/redis`. */
function moduleOf(path: string): string {
  const [src = '', folder = '', inner = ''] = path.split('/');
  return folder === 'infra' ? `${src}/${folder}/${inner}` : `${src}/${folder}`;
}

const folderOf = (path: string) => path.split('/')[1] ?? '';
const between = imports.filter(({ from, to }) =>
  !composers.test(from) && to.startsWith('src/') && moduleOf(from) !== moduleOf(to));

describe('the folders of src/', () => {
  it('are all known to this test', () => {
    const folders = new Set(files.map(({ path }) => path)
      .filter((path) => !composers.test(path.replace(/\.ts$/, ''))).map(folderOf));
    expect([...folders].sort()).toEqual(Object.keys(directions).sort());
  });

  it('import only in the directions that the layout allows', () => {
    const against = between.filter(({ from, to }) => {
      const [source, target] = [folderOf(from), folderOf(to)];
      const allowed = [source, ...directions[source] ?? [],
        ...(notDomains.has(source) ? [] : forEveryDomain)];
      return !allowed.includes(target);
    });
    expect(against).toEqual([]);
  });

  it('need every direction that is allowed', () => {
    const used = new Set(between.map(({ from, to }) => `${folderOf(from)} → ${folderOf(to)}`));
    const allowed = Object.entries(directions).flatMap(([source, targets]) =>
      targets.map((target) => `${source} → ${target}`));
    expect(allowed.filter((direction) => !used.has(direction))).toEqual([]);
  });

  it('import another module through its index.ts alone', () => {
    const roundTheDoor = imports.filter(({ from, to }) =>
      to.startsWith('src/') && moduleOf(from) !== moduleOf(to) && to !== moduleOf(to));
    expect(roundTheDoor).toEqual([]);
  });

  it('give away through a door only what somebody outside takes', () => {
    const taken = sources.flatMap((file) =>
      namesTakenBy(file).map((name) => ({ by: file.path, name })));
    const doors = files.filter(({ path }) => path.endsWith('/index.ts'));
    const needless = doors.flatMap((door) => {
      const folder = dirname(door.path);
      const outside = new Set(taken.filter(({ by }) => !by.startsWith(`${folder}/`))
        .map(({ name }) => name));
      return namesPassedOnBy(door).map((name) => `${folder}: ${name}`)
        .filter((name) => !outside.has(name));
    });
    expect(doors).not.toEqual([]);
    expect(needless).toEqual([]);
  });

  it('import nothing outside of src/, but for the migrations that a command runs', () => {
    const outside = imports.filter(({ to }) => !to.startsWith('src/'));
    expect(outside).toEqual([{ from: 'src/cli/migrate', to: 'migrations' }]);
  });
});

describe('imports', () => {
  it('never form a circle between files', () => {
    expect(circlesIn(files.map(({ path, imports: targets }) => ({
      name: path, targets: targets.map(fileOf),
    })))).toEqual([]);
  });

  it('never form a circle between modules', () => {
    const modules = Map.groupBy(between, ({ from }) => moduleOf(from));
    expect(circlesIn([...modules].map(([name, edges]) => ({
      name, targets: edges.map(({ to }) => moduleOf(to)),
    })))).toEqual([]);
  });
});

/** What a file imports or passes on by name, types too, as `src/stock: StockGate`. */
function namesTakenBy({ path, syntax }: SourceFile): string[] {
  return [...nodesOf(syntax)].flatMap((node) => {
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
      && ts.isStringLiteral(node.argument.literal)) {
      const name = node.qualifier?.getText(syntax) ?? '';
      return [`${targetOf(path, node.argument.literal.text)}: ${name}`];
    }
    if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return [];
    const clause = ts.isImportDeclaration(node)
      ? node.importClause?.namedBindings : node.exportClause;
    const from = node.moduleSpecifier;
    if (!clause || !('elements' in clause) || !from || !ts.isStringLiteral(from)) return [];
    return [...clause.elements].map(({ propertyName, name }) =>
      `${targetOf(path, from.text)}: ${(propertyName ?? name).text}`);
  });
}

/** What a door lets through, by the names that others know. */
function namesPassedOnBy({ syntax }: SourceFile): string[] {
  return syntax.statements.flatMap((statement) => {
    const clause = ts.isExportDeclaration(statement) ? statement.exportClause : undefined;
    return clause && ts.isNamedExports(clause) ? clause.elements.map(({ name }) => name.text) : [];
  });
}

/** The file behind an import without extension. */
function fileOf(path: string): string {
  return existsSync(join(root, `${path}.ts`)) ? `${path}.ts` : `${path}/index.ts`;
}

/** The circles of a graph, each once, as the names on its way. */
function circlesIn(nodes: readonly { name: string; targets: readonly string[] }[]): string[] {
  const targetsOf = new Map(nodes.map(({ name, targets }) => [name, targets]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (name: string, way: readonly string[]): void => {
    if (way.includes(name)) {
      circles.push([...way.slice(way.indexOf(name)), name].join(' → '));
      return;
    }
    if (done.has(name)) return;
    for (const target of targetsOf.get(name) ?? []) visit(target, [...way, name]);
    done.add(name);
  };
  for (const { name } of nodes) visit(name, []);
  return circles;
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parse, root } from './source';

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

const files = parse('src').filter(({ path }) => !path.endsWith('.spec.ts'));
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

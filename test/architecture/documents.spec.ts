import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesBelow, read, root } from './source';

const documents = ['README.md', 'CONTRIBUTING.md',
  ...['docs', 'src', 'bench'].flatMap(filesBelow).filter((path) => path.endsWith('.md'))];

/** Folders at the top whose paths a document may name. */
const path = /^(?:src|test|docs|docker|migrations|tools|bench)\/[\w./-]+$/;

/** What the controllers answer, each as a pattern: `^GET /v1/sales/[^/]+$`. */
const routes = ['^GET /metrics$', ...filesBelow('src').filter((file) => file.endsWith('.controller.ts'))
  .flatMap((file) => {
    const source = read(file);
    const [, prefix = ''] = /^@Controller\('([^']*)'/m.exec(source) ?? [];
    const handlers = [...source.matchAll(/^ {2}@(Get|Post|Put|Delete)\((?:'([^']*)')?/gm)];
    return handlers.map(([, verb = '', end = '']) => `^${verb.toUpperCase()} /${
      [prefix, end].filter(Boolean).join('/').replace(/:\w+/g, '[^/]+')}$`);
  })].map((pattern) => new RegExp(pattern));

describe.each(documents)('%s', (document) => {
  const text = read(document);

  it('names calls that exist', () => {
    const calls = [...text.matchAll(/`((?:GET|POST|PUT|DELETE) \/[^\s`?…]*)[`?\s]/g)]
      .map(([, call = '']) => call);
    expect(calls.filter((call) => !routes.some((route) => route.test(call)))).toEqual([]);
  });

  it('links to files that exist', () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(join(root, dirname(document), link)))).toEqual([]);
  });

  it('names paths that exist', () => {
    const paths = [...text.matchAll(/`([^`\n]+)`/g)].map(([, words = '']) => words)
      .filter((words) => path.test(words));
    expect(paths.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });
});

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesBelow, read, root } from './source';

const documents = ['README.md', 'CONTRIBUTING.md',
  ...['docs', 'src', 'bench'].flatMap(filesBelow).filter((path) => path.endsWith('.md'))];

/** Folders at the top whose paths a document may name. */
const path = /^(?:src|test|docs|docker|migrations|tools|bench)\/[\w./-]+$/;

describe.each(documents)('%s', (document) => {
  const text = read(document);

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

import ts from 'typescript';
import { shardColumns } from '../support/vschema';
import { nodesOf, parse, type SourceFile } from './source';

/**
 * Statements that ask every server, by file; docs/sharding.md says of each why it may. They only read:
 * whatever changes a row names its sale.
 */
const asksAllServers: Readonly<Record<string, number>> = {
  'src/demo/demo-sale.ts': 2, // never in production
  'src/order/order-freeze.ts': 1, // the orders of a buyer under review
  'src/order/order-store.ts': 1, // a buyer's list; orders whose sale nobody knows: one text for both
  'src/order/overdue-orders.ts': 1, // which sales have unpaid orders that are over
  'src/reconciliation/database-mode.ts': 1, // a metric
  'src/reconciliation/retired-sales.ts': 1, // sales that Redis is to have forgotten
  'src/sale/sale-archive.ts': 1, // sales whose rows are due for the archive
  'src/sale/sale-store.ts': 1, // what is on sale, the operators' list
};

const anyTable = `(?:${[...shardColumns.keys()].join('|')})`;
const statement = new RegExp(`\\b(?:FROM|JOIN|INTO|UPDATE) (${anyTable})\\b`);

/** Every text of a file that is a statement about tables that lie on several servers. */
function statementsOf({ syntax }: SourceFile): { table: string; sql: string }[] {
  return [...nodesOf(syntax)].flatMap((node) => {
    if (!ts.isStringLiteralLike(node) && !ts.isTemplateExpression(node)) return [];
    const sql = node.getText(syntax);
    const [, table] = statement.exec(sql) ?? [];
    return table === undefined ? [] : [{ table, sql }];
  });
}

/** Whether it goes to the server of one sale, or of the sales that it lists. */
function namesItsSale({ table, sql }: { table: string; sql: string }): boolean {
  if (/INSERT (IGNORE )?INTO/.test(sql)) return table === 'sales' || /\(\s*sale_id|, sale_id/.test(sql);
  const column = shardColumns.get(table) === 'id' ? '(?:s\\.)?id' : '(?:[a-z]\\.)?(?:sale_id|id)';
  return new RegExp(`\\b${column} (?:= \\?|IN \\(\\?\\))`).test(sql);
}

describe('statements over tables that may lie on several servers', () => {
  const files = parse('src').filter(({ path }) => !path.endsWith('.spec.ts'));
  const found = files.flatMap((file) =>
    statementsOf(file).map((each) => ({ path: file.path, ...each })));
  const scattered = found.filter((each) => !namesItsSale(each));

  it('are found by this test', () => {
    expect(found.length).toBeGreaterThan(40);
    // Those about an archive are made of the name of its table, and all name the sale.
    expect([...new Set(found.map(({ table }) => table))].sort())
      .toEqual([...shardColumns.keys()].filter((name) => !name.startsWith('archived_')).sort());
  });

  it('go to the server of their sale, but for the reads that ask all', () => {
    const counts = Object.fromEntries([...Map.groupBy(scattered, ({ path }) => path)]
      .map(([path, { length }]) => [path, length]));
    expect(counts).toEqual(asksAllServers);
  });

  it('change and lock nothing where they ask all', () => {
    expect(scattered.filter(({ sql }) => !/SELECT/.test(sql) || /FOR UPDATE/.test(sql))).toEqual([]);
  });
});

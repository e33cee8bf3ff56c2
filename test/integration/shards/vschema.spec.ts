import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { withDatabase } from '../../support/stack';
import { shardColumns, vschema } from '../../support/vschema';

interface ColumnRow extends RowDataPacket {
  table: string;
  column: string;
  key: 'PRI' | '';
  extra: string;
}

const { sales, shared } = vschema.keyspaces;

describe('docs/vschema.json', () => {
  let columns: ColumnRow[];
  const columnsOf = (table: string) => columns.filter((row) => row.table === table);

  beforeAll(async () => {
    const { databaseUrl, drop } = await withDatabase();
    const connection = await createConnection({ uri: databaseUrl });
    [columns] = await connection.query<ColumnRow[]>(
      `SELECT table_name AS \`table\`, column_name AS \`column\`, column_key AS \`key\`, extra
        FROM information_schema.columns WHERE table_schema = DATABASE()`);
    await connection.end();
    await drop();
  });

  it('places every table of the migrations, and no other', () => {
    const placed = Object.keys({ ...sales.tables, ...shared.tables });
    expect(placed.sort()).toEqual([...new Set(columns.map(({ table }) => table))].sort());
  });

  it('places each by a column that it has, or copies it from where it is written', () => {
    for (const [table, { type, source, column_vindexes: vindexes = [] }]
      of Object.entries(sales.tables)) {
      if (type === 'reference') {
        expect(Object.keys(shared.tables)).toContain(source?.replace('shared.', ''));
        continue;
      }
      expect(vindexes).toHaveLength(1);
      for (const { column, name } of vindexes) {
        expect([table, columnsOf(table).map((row) => row.column)])
          .toEqual([table, expect.arrayContaining([column])]);
        expect(Object.keys(sales.vindexes ?? {})).toContain(name);
      }
    }
  });

  it('places by the same column what one transaction writes, and by a key that never changes', () => {
    expect(new Set(Object.values(sales.tables).flatMap(({ column_vindexes: vindexes = [] }) =>
      vindexes.map(({ name }) => name)))).toEqual(new Set(['by_sale']));
    for (const [table, column] of shardColumns) {
      expect([table, column]).toEqual([table, table === 'sales' ? 'id' : 'sale_id']);
    }
  });

  it('has no table that numbers its rows itself, but the list of migrations', () => {
    const numbered = columns.filter(({ extra }) => extra.includes('auto_increment'));
    expect(numbered.map(({ table }) => table)).toEqual(['migrations']);
  });

  it('leaves no table without a primary key, which every one of these systems goes by', () => {
    const keyed = new Set(columns.filter(({ key }) => key === 'PRI').map(({ table }) => table));
    expect(columns.filter(({ table }) => !keyed.has(table))).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Keyspace {
  sharded: boolean;
  vindexes?: Record<string, { type: string }>;
  tables: Record<string, {
    type?: 'reference';
    source?: string;
    column_vindexes?: { column: string; name: string }[];
  }>;
}

/** Where each table lies once there are several servers: docs/vschema.json. */
export const vschema = JSON.parse(readFileSync(join(__dirname, '../../docs/vschema.json'), 'utf8')) as
  { keyspaces: { sales: Keyspace; shared: Keyspace } };

/** The column that decides on which server a row lies, by table; tables that lie on one are left out. */
export const shardColumns: ReadonlyMap<string, string> = new Map(
  Object.entries(vschema.keyspaces.sales.tables).flatMap(([table, { column_vindexes = [] }]) =>
    column_vindexes.map(({ column }): [string, string] => [table, column])));

import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';

/** MariaDB takes no fewer. */
const connectionsAtMost = 10;
const tooManyConnections = 1040;

/** Others have all the connections that a server takes. */
export class CrowdedDatabase {
  private constructor(
    private readonly operator: Connection,
    private readonly usualMost: number,
    private readonly taken: readonly Connection[],
  ) {}

  /** Takes every connection that is left. */
  static async fill(databaseUrl: string): Promise<CrowdedDatabase> {
    const operator = await createConnection(databaseUrl);
    const [[row]] = await operator.query<RowDataPacket[]>('SELECT @@max_connections AS most');
    await operator.query('SET GLOBAL max_connections = ?', [connectionsAtMost]);
    const taken = [];
    for (;;) {
      const connection = await createConnection(databaseUrl).catch(refusal);
      if (!connection) return new CrowdedDatabase(operator, Number(row?.['most']), taken);
      taken.push(connection);
    }
  }

  /** How many were refused because of it, since the server started. */
  async refused(): Promise<number> {
    const [[row]] = await this.operator.query<RowDataPacket[]>(
      `SHOW GLOBAL STATUS LIKE 'Connection_errors_max_connections'`);
    return Number(row?.['Value']);
  }

  async leave(): Promise<void> {
    await this.operator.query('SET GLOBAL max_connections = ?', [this.usualMost]);
    await Promise.all([...this.taken, this.operator].map((connection) => connection.end()));
  }
}

function refusal(error: Error & { errno?: number }): undefined {
  if (error.errno !== tooManyConnections) throw error;
}

import { type Connection, createConnection } from 'mysql2';
import { answerOf } from './answer';
import { connectionOptions, silenceSeconds } from './connection';
import { DatabaseError } from './database-error';

/**
 * A lock of the database server, held by a connection of its own: it ends with its process, and
 * when that is frozen or cut off.
 */
export class NamedLock {
  private readonly signOfLife: NodeJS.Timeout;

  private constructor(
    private readonly connection: Connection,
    /** Aborts when the connection breaks, and with it the lock. */
    readonly lost: AbortSignal,
  ) {
    this.signOfLife = setInterval(() => { connection.query('DO 1', () => undefined); },
      silenceSeconds * 1_000 / 3).unref();
  }

  /**
   * Takes the lock of that name in the database of the URL, waiting up to `waitSeconds` for it;
   * undefined when somebody else holds it. Throws `DatabaseError`.
   */
  static async acquire(
    databaseUrl: string,
    name: string,
    waitSeconds: number,
  ): Promise<NamedLock | undefined> {
    const connection = createConnection(connectionOptions(databaseUrl));
    const lost = new AbortController();
    connection.on('error', () => lost.abort());
    connection.on('end', () => lost.abort());
    try {
      const prepared = connection.promise().query('SET SESSION wait_timeout = ?', [silenceSeconds]);
      await answerOf(prepared);
      // Names belong to the whole server: the database's name keeps products apart.
      const sql = "SELECT GET_LOCK(CONCAT(DATABASE(), '.', ?), ?) AS held";
      const query = connection.promise().query(sql, [name, waitSeconds]);
      const [rows] = await answerOf(query, waitSeconds);
      if ((rows as { held: number | null }[])[0]?.held === 1) {
        return new NamedLock(connection, lost.signal);
      }
    } catch (failure) {
      connection.destroy();
      throw DatabaseError.from(failure);
    }
    connection.destroy();
    return undefined;
  }

  /** Gives the lock back before it closes the connection, so that the next may have it at once. */
  async release(): Promise<void> {
    clearInterval(this.signOfLife);
    const released = this.connection.promise().query('DO RELEASE_ALL_LOCKS()');
    await answerOf(released).catch(() => undefined);
    this.connection.destroy();
  }
}

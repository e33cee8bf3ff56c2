import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '../infra/database';
import { RedisConnections } from '../infra/redis';

const channel = 'epochs';

/** The database's epoch of each sale, kept in memory: the request path asks no database. */
@Injectable()
export class SaleEpochs implements OnModuleInit {
  private readonly epochs = new Map<string, Promise<number>>();

  constructor(
    private readonly database: Database,
    private readonly connections: RedisConnections,
  ) {}

  onModuleInit(): void {
    this.connections.subscribe(channel, (saleId) => { this.forget(saleId); });
  }

  /** The epoch as last read; asks the database the first time. Throws when the sale has no stock. */
  of(saleId: string): Promise<number> {
    const known = this.epochs.get(saleId);
    if (known) return known;
    const asked = this.read(saleId);
    this.epochs.set(saleId, asked);
    asked.catch(() => { this.epochs.delete(saleId); });
    return asked;
  }

  /** The next look asks the database again. */
  forget(saleId: string): void {
    this.epochs.delete(saleId);
  }

  /** Tells every process that the sale has a new epoch. */
  announce(saleId: string): void {
    this.forget(saleId);
    this.connections.publish(channel, saleId);
  }

  private async read(saleId: string): Promise<number> {
    const [row] = await this.database.query<{ epoch: number }>(
      'SELECT epoch FROM sale_stock WHERE sale_id = ?', [saleId]);
    if (!row) throw new Error(`Sale ${saleId} has no stock row`);
    return row.epoch;
  }
}

import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '../infra/database';
import { RedisConnections } from '../infra/redis';

const channel = 'epochs';

/** A crowd that is fenced off asks the database together, and not more often than this. */
const renewEveryMs = 200;

interface KnownEpoch {
  epoch: Promise<number>;
  askedAtMs: number;
}

/** The database's epoch of each sale, kept in memory: the request path asks no database. */
@Injectable()
export class SaleEpochs implements OnModuleInit {
  private readonly epochs = new Map<string, KnownEpoch>();

  constructor(
    private readonly database: Database,
    private readonly connections: RedisConnections,
  ) {}

  onModuleInit(): void {
    this.connections.subscribe(channel, (saleId) => { this.epochs.delete(saleId); });
  }

  /** The epoch as last read; asks the database the first time. Throws when the sale has no stock. */
  of(saleId: string): Promise<number> {
    return (this.epochs.get(saleId) ?? this.ask(saleId)).epoch;
  }

  /** The same, at most 200 ms old: for whoever was told that his epoch has passed. */
  renewed(saleId: string): Promise<number> {
    const known = this.epochs.get(saleId);
    const isFresh = known && performance.now() - known.askedAtMs < renewEveryMs;
    return (isFresh ? known : this.ask(saleId)).epoch;
  }

  /** Tells every process that the sale has a new epoch. */
  announce(saleId: string): void {
    this.epochs.delete(saleId);
    this.connections.publish(channel, saleId);
  }

  private ask(saleId: string): KnownEpoch {
    const asked = { epoch: this.read(saleId), askedAtMs: performance.now() };
    this.epochs.set(saleId, asked);
    asked.epoch.catch(() => {
      if (this.epochs.get(saleId) === asked) this.epochs.delete(saleId);
    });
    return asked;
  }

  private async read(saleId: string): Promise<number> {
    const [row] = await this.database.query<{ epoch: number }>(
      'SELECT epoch FROM sale_stock WHERE sale_id = ?', [saleId]);
    if (!row) throw new Error(`Sale ${saleId} has no stock row`);
    return row.epoch;
  }
}

import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { closeForGood } from './close-for-good';
import { PerServer } from './per-server';
import type { RedisConnections } from './redis-connections';

/** How long Redis waits for its replicas. */
const waitMs = 1_000;
/** A reply that takes longer than that does not come. */
const commandTimeoutMs = 1_500;

/** A field of a hash that somebody wants to know on enough replicas. */
interface Look {
  readonly key: string;
  readonly field: string;
  readonly resolve: (isKept: boolean) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Says whether replicas have what the master answered. Each round sends, as one pipeline on a
 * connection of its own: a look at every field that somebody asks about, a write of a mark, WAIT.
 *
 * WAIT speaks of the writes of its own connection alone, therefore the mark: replicas apply one
 * stream in its order, so whoever has the mark has everything that was there before it. The looks
 * say that the field is part of that: after a failover the new master may never have got it, and
 * its replicas would confirm that gladly. One TCP connection has one server, and nothing is sent
 * again on another, so looks, mark and WAIT cannot be about different ones.
 *
 * While one round is on its way, everybody else shares the next: a crowd costs two commands a round
 * and a look each, however many replicas there are.
 */
class ReplicaRounds {
  private waiting: Look[] = [];
  private isBusy = false;

  /** `markFor`: a key for the mark, on the server that has the given one. */
  constructor(
    readonly connection: Redis,
    private readonly markFor: (key: string) => string,
    private readonly replicas: number,
  ) {}

  isKept(key: string, field: string): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.waiting.push({ key, field, resolve, reject });
    if (!this.isBusy) void this.work();
    return promise;
  }

  private async work(): Promise<void> {
    this.isBusy = true;
    while (this.waiting.length > 0) {
      // Purchases that Redis answered in one turn of the event loop ask in one round.
      await endOfTurn();
      const looks = this.waiting;
      this.waiting = [];
      try {
        const kept = await this.ask(looks);
        looks.forEach(({ resolve }, index) => { resolve(kept[index] === true); });
      } catch (error) {
        for (const { reject } of looks) reject(error);
        // It may hang, or be no master any more: a later round finds out who answers now. A
        // connection that is being made is left alone: a crowd would never let it be finished.
        if (this.connection.status === 'ready') this.connection.disconnect(true);
      }
    }
    this.isBusy = false;
  }

  private async ask(looks: readonly Look[]): Promise<boolean[]> {
    const pipeline = this.connection.pipeline();
    for (const { key, field } of looks) pipeline.hexists(key, field);
    const mark = this.markFor(looks[0]?.key ?? '');
    const replies = await pipeline.incr(mark).wait(this.replicas, waitMs).exec() ?? [];
    const fault = replies.find(([error]) => error !== null)?.[0];
    if (fault) throw fault;
    const acknowledged = Number(replies.at(-1)?.[1]);
    return looks.map((_look, index) => replies[index]?.[1] === 1
      && acknowledged >= this.replicas);
  }
}

/** The same on whichever server has the key: the one, or its master in a Cluster. */
export class ReplicaWait {
  private readonly rounds: PerServer<ReplicaRounds>;

  /** `mark`: a key for the marks; `replicas`: how many must have a field. */
  constructor(private readonly connections: RedisConnections, private readonly mark: string,
    replicas: number) {
    this.rounds = new PerServer(connections, (server) => {
      const connection = connections.openServer('replica-wait', {
        ...server, enableOfflineQueue: false, maxRetriesPerRequest: 0,
        autoResendUnfulfilledCommands: false, commandTimeout: commandTimeoutMs,
      });
      return new ReplicaRounds(connection, (key) => this.markFor(key), replicas);
    }, ({ connection }) => { closeForGood(connection); });
  }

  /**
   * Resolves to whether the field of this hash is on enough replicas, at the latest when this and
   * the round before have had their second each. Rejects when the server does not answer.
   */
  async isKept(key: string, field: string): Promise<boolean> {
    const rounds = this.rounds.of(key);
    if (rounds === undefined) throw new Error('Connection is closed: no node has this key');
    return rounds.isKept(key, field);
  }

  /** On a Cluster the mark must be where the key is: in the same slot. */
  private markFor(key: string): string {
    if (this.connections.map === undefined) return this.mark;
    return `${this.mark}:${/\{[^}]+\}/.exec(key)?.[0] ?? ''}`;
  }
}

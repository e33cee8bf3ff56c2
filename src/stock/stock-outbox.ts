import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { askForEach, isCluster, type RedisClient } from '../infra/redis';
import { StockRedis } from './stock-redis';

/** The consumer group that carries reservations to the queue. */
export const relayGroup = 'relay';

/** One reservation on its way to the database, as the reserve script wrote it. */
export interface OutboxEntry {
  rid: string;
  userId: string;
  quantity: number;
  fingerprint: string;
  epoch: number;
  seq: number;
  reservedAtMs: number;
  traceId: string;
  ip: string;
  deviceId?: string;
  /** Time to pay, where it is not the sale's own. */
  payWindowSeconds?: number;
}

/** Entries of one sale with the stream ids by which they are acknowledged. */
export interface OutboxBatch {
  saleId: string;
  streamIds: string[];
  entries: OutboxEntry[];
}

/** What of a sale has not reached the database yet. */
export interface SaleBacklog {
  readonly entries: number;
  readonly units: number;
}

/** A node of a Cluster that found nothing is asked again after this, and so much for each sale. */
const pauseMs = 10;
const pauseMsPerSale = 0.05;

const readTimeoutMs = 1_500;
const badArgument = -8;

type StreamReply = [id: string, fields: string[] | null][];

/** The streams that the reserve script writes (S4): read by a group, acknowledged, then deleted. */
@Injectable()
export class StockOutbox {
  constructor(private readonly redis: StockRedis) {}

  /** A connection for `read`, which may block. */
  openReader(): RedisClient {
    // Of a Cluster one node that hangs must not keep what the others have delivered.
    return this.redis.connections.open('relay', { maxRetriesPerRequest: 1,
      ...(this.redis.isClustered && { commandTimeout: readTimeoutMs }) });
  }

  /**
   * New entries of these sales, at most `count` each; waits up to `blockMs` for the first. Only one of
   * each comes as it is, and all behind it in one text, which is read in a tenth of the time.
   */
  async read(reader: RedisClient, consumer: string, saleIds: readonly string[], count: number,
    blockMs: number): Promise<OutboxBatch[]> {
    if (isCluster(reader)) return this.readEach(reader, consumer, saleIds, count);
    const streams = saleIds.map((saleId) => this.redis.keys(saleId).outbox);
    const reply = await reader.xreadgroup('GROUP', relayGroup, consumer, 'COUNT', 1,
      'BLOCK', blockMs, 'STREAMS', ...streams, ...streams.map(() => '>'));
    return Promise.all((reply ?? []).map(([stream, entries]) =>
      this.withNext(consumer, saleIds[streams.indexOf(stream)] ?? '', entries, count)));
  }

  /** Without those whose outbox cannot be asked now, because their node of a Cluster is away. */
  readable(saleIds: readonly string[]): string[] {
    return saleIds.filter((saleId) => !this.redis.isNodeAway(saleId));
  }

  /** Entries that another relay took and did not finish within this time. */
  async claim(consumer: string, saleId: string, idleMs: number, count: number): Promise<OutboxBatch> {
    const [, entries] = await this.redis.connections.general.xautoclaim(
      this.redis.keys(saleId).outbox, relayGroup, consumer, idleMs, '0', 'COUNT', count) as
      [string, StreamReply, string[]];
    return batchOf(saleId, entries);
  }

  /**
   * By sale id: entries in the outbox, and units held whose orders are not written. Sales of which
   * either cannot be read are left out. Rejects when Redis is away.
   */
  async backlogs(saleIds: readonly string[]): Promise<ReadonlyMap<string, SaleBacklog>> {
    const asked = this.readable(saleIds);
    const replies = await askForEach(this.redis.connections.general, asked, (pipeline, saleId) => {
      const { outbox, meta } = this.redis.keys(saleId);
      pipeline.xlen(outbox).hget(meta, 'reserved');
    });
    return new Map(asked.flatMap((saleId, index) => {
      const [entries, units] = replies[index] ?? [];
      const backlog = { entries: Number(entries?.[1]), units: Number(units?.[1]) };
      return entries?.[0] || units?.[0] || !Number.isFinite(backlog.entries + backlog.units) ? []
        : [[saleId, backlog] as const];
    }));
  }

  /** The queue has them: both at once, so that none is delivered again. */
  async acknowledge({ saleId, streamIds }: OutboxBatch): Promise<void> {
    const { outbox } = this.redis.keys(saleId);
    const code = await this.redis.run('acknowledge-outbox', [outbox], [relayGroup, ...streamIds]);
    if (code === badArgument) throw new Error('The acknowledge-outbox script refused its arguments');
  }

  /**
   * Makes the group where a stream has none, such as after Redis came back empty. Resolves to the
   * sales whose outbox is no stream: one of them in a read would fail it for all.
   */
  async ensureGroups(saleIds: readonly string[]): Promise<string[]> {
    const unreadable: string[] = [];
    await Promise.all(saleIds.map((saleId) => this.redis.connections.general
      .xgroup('CREATE', this.redis.keys(saleId).outbox, relayGroup, '0', 'MKSTREAM')
      .catch((error: Error) => {
        if (error.message.startsWith('WRONGTYPE')) unreadable.push(saleId);
        else if (!error.message.startsWith('BUSYGROUP')) throw error;
      })));
    return unreadable;
  }

  /**
   * No command of a Cluster reads the streams of several sales, and one that blocks would keep all the
   * others of its node waiting. A sale that cannot be read is told of when no other has anything.
   */
  private async readEach(reader: RedisClient, consumer: string, saleIds: readonly string[],
    count: number): Promise<OutboxBatch[]> {
    const reads = await Promise.allSettled(saleIds.map((saleId) =>
      this.readOne(reader, consumer, saleId, count)));
    const batches = reads.flatMap((read) => read.status === 'fulfilled' ? read.value : []);
    if (batches.length > 0) return batches;
    for (const read of reads) if (read.status === 'rejected') throw read.reason;
    await sleep(pauseMs + saleIds.length * pauseMsPerSale);
    return [];
  }

  /** The entry that a relay has taken, and those that come next. */
  private async withNext(consumer: string, saleId: string, first: StreamReply,
    count: number): Promise<OutboxBatch> {
    if (count === 1) return batchOf(saleId, first);
    const text = await this.redis.run('take-outbox', [this.redis.keys(saleId).outbox],
      [relayGroup, consumer, count - 1]) as string;
    return batchOf(saleId, text === '' ? first : [...first, ...JSON.parse(text) as StreamReply]);
  }

  private async readOne(reader: RedisClient, consumer: string, saleId: string,
    count: number): Promise<OutboxBatch[]> {
    try {
      const reply = await reader.xreadgroup('GROUP', relayGroup, consumer, 'COUNT', 1,
        'STREAMS', this.redis.keys(saleId).outbox, '>');
      return await Promise.all((reply ?? []).map(([, entries]) =>
        this.withNext(consumer, saleId, entries, count)));
    } catch (error) {
      if (!String(error).includes('NOGROUP')) throw error;
      await this.ensureGroups([saleId]);
      return [];
    }
  }
}

function batchOf(saleId: string, reply: StreamReply): OutboxBatch {
  const batch: OutboxBatch = { saleId, streamIds: [], entries: [] };
  for (const [id, flat] of reply) {
    batch.streamIds.push(id);
    if (flat) batch.entries.push(entryOf(flat)); // null: deleted while it was pending
  }
  return batch;
}

function entryOf(flat: readonly string[]): OutboxEntry {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i] ?? '', flat[i + 1] ?? '');
  const text = (name: string) => fields.get(name) ?? '';
  return { rid: text('rid'), userId: text('user'), quantity: Number(text('quantity')),
    fingerprint: text('print'), epoch: Number(text('epoch')), seq: Number(text('seq')),
    reservedAtMs: Number(text('at')), traceId: text('trace'), ip: text('ip'),
    ...(text('device') !== '' && { deviceId: text('device') }),
    ...(Number(text('window')) > 0 && { payWindowSeconds: Number(text('window')) }) };
}

import { WorkerHost } from '@nestjs/bullmq';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap }
  from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Queue, type Worker } from 'bullmq';
import { answersInTime, RedisConnections } from '../redis';

/** Below that of whoever asks for our health. */
const patienceMs = 800;

/** Every queue of this process, for health, metrics and shutdown. */
@Injectable()
export class Queues implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Queues');
  private queues: readonly Queue[] = [];
  private workers: readonly Worker[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly connections: RedisConnections,
  ) {}

  onApplicationBootstrap(): void {
    const instances = new Set(this.discovery.getProviders().map((wrapper): unknown =>
      wrapper.instance));
    this.queues = [...instances].filter((instance) => instance instanceof Queue);
    this.workers = [...instances].filter((instance) => instance instanceof WorkerHost)
      .map((host) => host.worker as Worker);
  }

  /**
   * Queues and workers are closed next, and wait for what they asked Redis. Without a server they are
   * told at once: what they did not finish is found again by the next process.
   */
  async beforeApplicationShutdown(): Promise<void> {
    if (await this.connections.beginStopping()) return;
    this.logger.warn({ msg: 'redis is away, jobs that are being worked on are left to others' });
    for (const { backend } of [...this.queues, ...this.workers]) {
      backend.disconnect().catch(() => undefined); // the fault has been reported
    }
  }

  /** None begins another job. Whoever waits until they have ended those that they have closes them again. */
  stopWorkers(): void {
    for (const worker of this.workers) worker.close().catch(() => undefined);
  }

  all(): readonly Queue[] {
    return this.queues;
  }

  /**
   * Jobs that are waiting, delayed or being worked on, by queue; without those on a node of a Cluster
   * that is away. Rejects when Redis is.
   */
  async depths(): Promise<{ queue: string; jobs: number }[]> {
    return answersInTime(this.queues.map(async (queue) => ({
      queue: queue.name,
      jobs: await queue.getJobCountByTypes('waiting', 'delayed', 'active', 'prioritized'),
    })), patienceMs);
  }
}

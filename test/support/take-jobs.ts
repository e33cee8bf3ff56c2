import type { Job, Queue } from 'bullmq';

/**
 * Takes what waits out of a queue, as workers would, where none runs: with more than a few waiting the
 * relays carry nothing.
 */
export async function takeJobs<Data>(queue: Queue<Data>): Promise<Job<Data>[]> {
  const jobs = await queue.getWaiting();
  for (const job of jobs) await job.remove();
  return jobs;
}

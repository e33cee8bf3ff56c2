import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Those answers that come within this time: of several servers one may be away. Rejects when all fail,
 * with why the first did.
 */
export async function answersInTime<Answer>(asked: readonly Promise<Answer>[],
  patienceMs: number): Promise<Answer[]> {
  const late = sleep(patienceMs, undefined, { ref: false }).then(() => {
    throw new Error(`Command timed out after ${patienceMs} ms`);
  });
  late.catch(() => undefined); // all may have answered before
  const settled = await Promise.allSettled(asked.map((answer) => Promise.race([answer, late])));
  const answers = settled.flatMap((one) => one.status === 'fulfilled' ? [one.value] : []);
  const fault = settled.find((one) => one.status === 'rejected');
  if (answers.length === 0 && fault) throw fault.reason;
  return answers;
}

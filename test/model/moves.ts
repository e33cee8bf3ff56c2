import { at, changed, type Entry, type Job, type RedisData, type State } from './state';

/** `own`: comes by itself, sooner or later. A next state of undefined: it cannot happen now. */
export type Emit = (step: string, next: State | undefined, own?: 'own') => void;

export const letterOf = (rid: number) => String.fromCharCode(97 + rid);

/** The state with this in Redis; undefined stays undefined. */
export function withRedis(state: State, redis: RedisData | undefined): State | undefined {
  return redis && { ...state, redis };
}

/** The state with this entry in the hands of a worker. */
export function withJob(state: State, rid: number, { epoch, seq }: Entry): State {
  const jobs = at(state.jobs, rid);
  if (jobs.some((job) => job.epoch === epoch)) return state;
  const job: Job = { epoch, seq, phase: 'ready', under: 0 };
  return { ...state, jobs: changed(state.jobs, rid, [...jobs, job]) };
}

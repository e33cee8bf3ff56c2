import type { InvariantName } from './invariants';
import { buyers, soundRules, world, type BadHabit, type Rules, type World } from './world';

/** A protocol with a guard less, or a bad habit more, in the smallest world where that shows. */
export interface Variant {
  name: string;
  world: World;
  /** The invariant that only this search looks at. */
  breaks: InvariantName;
}

function without(guard: keyof Rules, breaks: InvariantName, given: Partial<World> = {}): Variant {
  return { name: `without ${guard}`, breaks,
    world: world({ ...given, rules: { ...soundRules, [guard]: false } }) };
}

function having(habit: BadHabit, breaks: InvariantName, given: Partial<World> = {}): Variant {
  return { name: habit, breaks, world: world({ ...given, badHabits: [habit] }) };
}

const twoOfOneBuyer = { totals: [2], limitPerBuyer: 1,
  attempts: buyers(2).map((attempt) => ({ ...attempt, buyer: 'buyer' })) };

/** Each must be found: a search that finds none of them would prove nothing. */
export const variants: readonly Variant[] = [
  having('redis := database', 'I3'),
  having('lease frees units', 'I9'),
  having('lease frees units', 'I3'),
  having('worker rolls back blindly', 'I2'),
  having('reopens without loading', 'I3', { faults: { outage: 1 } }),
  { ...without('outbox', 'I8'), name: 'queue after the script, and nobody who looks after leases',
    world: world({ rules: { ...soundRules, outbox: false, sweep: false } }) },
  without('bootFence', 'I3', { faults: { rollback: 1 } }),
  without('bootFence', 'I12', { faults: { rollback: 1 } }),
  without('stateFence', 'I12', { faults: { doubt: 1 } }),
  without('stateFence', 'I8', { faults: { doubt: 1, lostJob: 1 } }),
  without('replay', 'I2', { totals: [2] }),
  without('recordCheck', 'I2', { habits: ['cancel'] }),
  without('holdNumber', 'I9', { habits: ['freeze'] }),
  without('epochCheck', 'I3', { faults: { rollback: 1 } }),
  without('unitCheck', 'I1', { faults: { outage: 1 } }),
  without('quotaCheck', 'I6', { ...twoOfOneBuyer, faults: { outage: 1 } }),
  without('primaryKey', 'I14', { totals: [2] }),
  without('tombstones', 'I8', { faults: { doubt: 1, lostJob: 1 } }),
  without('statusCheck', 'I1', { habits: ['pay', 'cancel'] }),
  without('statusCheck', 'I5', { habits: ['pay', 'cancel'] }),
  without('deadlineCheck', 'I10', { habits: ['pay', 'overdue'] }),
  without('sweep', 'I8', { faults: { lostJob: 1 } }),
  without('expiry', 'I8', { habits: ['overdue'] }),
  { ...without('closesFirst', 'I8'), world: world({ faults: { doubt: 1, lostJob: 1 },
    rules: { ...soundRules, closesFirst: false, closerCheck: false } }) },
  without('drains', 'I8', { faults: { doubt: 1, lostJob: 1 } }),
  without('raisesEpoch', 'I3', { faults: { rollback: 1 } }),
  without('closerCheck', 'I8', { faults: { doubt: 1, lostLock: 1, lostJob: 1 } }),
  without('marksAdjustments', 'I3', { delta: 1, faults: { doubt: 1 } }),
  without('redisFirst', 'I3', { delta: -1 }),
  without('lenderFirst', 'I14', { totals: [1, 0], loan: 1 }),
  without('looksAtLoans', 'sold out when nothing is left',
    { totals: [1, 0], loan: 1, habits: ['ask'], attempts: [...buyers(1), ...buyers(1, 1, 1)] }),
  without('gateCheck', 'I3', { faults: { rollback: 1 } }),
];

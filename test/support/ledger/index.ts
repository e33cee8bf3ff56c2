export { boot, closer, keysOfScript, leaseMs, namesOf, strategies, type Reply, type ScriptName }
  from './scripts';
export { TestLedger } from './test-ledger';
export type { TestSale } from './test-sale';

/** Loaded before the product: on SIGUSR2 its event loop stands still for BLOCKED_MS, and says so. */
import { writeSync } from 'node:fs';

const blockedMs = Number(process.env.BLOCKED_MS);

process.on('SIGUSR2', () => {
  writeSync(2, 'event loop blocked\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockedMs);
  writeSync(2, 'event loop goes on\n');
});

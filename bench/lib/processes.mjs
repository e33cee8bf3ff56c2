// What a process and its children have cost so far, as Linux tells it; NaN elsewhere.
import { readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/**
 * Starts to watch what the host of a virtual machine gives to others. The returned function gives
 * the share of the CPU time wanted since then that this machine did not get; NaN elsewhere.
 */
export function watchStolenTime() {
  const before = machineTicks();
  return () => {
    const { used, stolen } = machineTicks();
    return (stolen - before.stolen) / (used - before.used + stolen - before.stolen);
  };
}

/** All cores together: user, nice, system, interrupts; and what was waited for while others ran. */
function machineTicks() {
  if (process.platform !== 'linux') return { used: NaN, stolen: NaN };
  const [user, nice, system, , , irq, softirq, stolen] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0].split(/ +/).slice(1).map(Number);
  return { used: user + nice + system + irq + softirq, stolen };
}

/** User and system time in seconds, with ended children: Redis rewrites its file in one. */
export function cpuSecondsOf(pid) {
  return sumOver(pid, (each) => {
    const fields = readFileSync(`/proc/${each}/stat`, 'utf8').split(') ')[1].split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
  });
}

/** Resident memory. */
export function megabytesOf(pid) {
  return sumOver(pid, (each) => {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${each}/status`, 'utf8'));
    return Number(kilobytes) / 1_024;
  });
}

/** Of several processes the primary alone would say little. One that is gone adds 0. */
function sumOver(pid, valueOf) {
  if (process.platform !== 'linux') return NaN;
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return (children === '' ? [] : children.split(' '))
      .reduce((sum, child) => sum + sumOver(child, valueOf), valueOf(pid));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return 0;
    throw error;
  }
}

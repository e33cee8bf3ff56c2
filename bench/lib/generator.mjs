// The load generator, a process of its own: it shares its loop with nothing that it measures.
import { Connection } from './connection.mjs';

/** Connections are opened in portions that a server's backlog of the kernel has room for. */
const openedAtOnce = 500;

process.on('message', ({ port, requests, connections, arrivals, keepBodies }) => {
  play({ port, requests, connections, arrivals, keepBodies }).then(
    (record) => process.send({ record }), (error) => process.send({ error: error.message }));
});
process.on('disconnect', () => process.exit(0));

/** Milliseconds of the clock that all processes of this machine share. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

async function play({ port, requests, connections, arrivals, keepBodies }) {
  const pool = [];
  while (pool.length < connections) {
    const portion = Math.min(openedAtOnce, connections - pool.length);
    pool.push(...await Promise.all(Array.from({ length: portion }, () => Connection.open(port))));
  }
  const record = { startedAt: new Float64Array(requests.length),
    tookMs: new Float64Array(requests.length), statuses: new Uint16Array(requests.length),
    bodies: keepBodies ? new Array(requests.length) : undefined, examples: {},
    bytesIn: 0, bytesOut: 0 };
  const cpu = process.cpuUsage();
  const beginning = now();
  let next = 0;
  await Promise.all(pool.map(async (connection) => {
    while (next < requests.length) {
      const index = next;
      next += 1;
      if (arrivals) await until(beginning + arrivals[index]);
      // A request that waited for a free connection has waited for the server: it counts from when
      // it was due, else a slow server would be asked less often and look better than it is.
      record.startedAt[index] = arrivals ? beginning + arrivals[index] : now();
      note(record, index, await connection.ask(requests[index]));
      record.bytesOut += requests[index].length;
    }
  })).finally(() => { for (const connection of pool) connection.close(); });
  const { user, system } = process.cpuUsage(cpu);
  return { ...record, cpuSeconds: (user + system) / 1e6 };
}

/** Never early; a timer's resolution, up to a millisecond or two, is in the latencies. */
async function until(time) {
  const restMs = time - now();
  if (restMs > 0) await new Promise((resolve) => { setTimeout(resolve, Math.ceil(restMs)); });
}

function note(record, index, { status, length, body }) {
  record.tookMs[index] = now() - record.startedAt[index];
  record.statuses[index] = status;
  record.bytesIn += length;
  if (status >= 400) record.examples[status] ??= body.toString();
  if (record.bodies) record.bodies[index] = body.toString();
}

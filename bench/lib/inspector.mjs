// Where a Node process spends its CPU time, and what allocates its memory: sampled over its inspector.
import { freePort } from '../../tools/lib/servers.mjs';

const sampleMicroseconds = 500;
const sampleBytes = 16_384;

/** What a process is started with to be looked into, and the port to do so. */
export async function inspectable() {
  const port = await freePort();
  return { port, settings: { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` } };
}

/** CPU milliseconds by place while `work` ran, without those in which the process was idle. */
export function cpuTimesOf(port, work) {
  return inspect(port, async (ask) => {
    await ask('Profiler.enable');
    await ask('Profiler.setSamplingInterval', { interval: sampleMicroseconds });
    await ask('Profiler.start');
    await work();
    const { nodes, samples, timeDeltas } = (await ask('Profiler.stop')).profile;
    const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
    const times = sumsOf(samples.map((id, index) => [places.get(id), timeDeltas[index] / 1_000]));
    times.delete('(idle)');
    return times;
  });
}

/** Bytes by place that were allocated on the heap while `work` ran, collected since or not. */
export function allocationsOf(port, work) {
  return inspect(port, async (ask) => {
    await ask('HeapProfiler.enable');
    await ask('HeapProfiler.startSampling', { samplingInterval: sampleBytes,
      includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true });
    await work();
    return sumsOf(nodesOf((await ask('HeapProfiler.stopSampling')).profile.head)
      .map(({ callFrame, selfSize }) => [placeOf(callFrame), selfSize]));
  });
}

async function inspect(port, look) {
  const [{ webSocketDebuggerUrl }] = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const socket = new WebSocket(webSocketDebuggerUrl);
  const waiting = new Map();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(data);
    waiting.get(id)?.(result);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  try {
    return await look((method, params = {}) => new Promise((resolve) => {
      const id = waiting.size + 1;
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    }));
  } finally {
    socket.close();
  }
}

/** The greatest first. */
function sumsOf(amounts) {
  const sums = new Map();
  for (const [place, amount] of amounts) sums.set(place, (sums.get(place) ?? 0) + amount);
  return new Map([...sums].sort(([, a], [, b]) => b - a));
}

const nodesOf = (node) => [node, ...node.children.flatMap(nodesOf)];

/** A package, a folder of ours, a module of Node; what is none of them by V8's name for it. */
function placeOf({ url, functionName }) {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (name !== undefined) return name;
  const [, folder] = /dist\/(src\/[^/]+(?:\/[^/]+(?=\/))?)/.exec(url) ?? [];
  if (folder !== undefined) return folder;
  const [, module] = /^node:(?:internal\/)?([^/]+)/.exec(url) ?? [];
  return module === undefined ? functionName || '(native)' : `node:${module}`;
}

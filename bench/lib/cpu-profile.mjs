// Where the CPU time of a Node process goes: sampled over its inspector while it works.
import { freePort } from '../../tools/lib/servers.mjs';

const sampleMicroseconds = 500;

/** What a process is started with to be profiled, and the port to do so. */
export async function inspectable() {
  const port = await freePort();
  return { port, settings: { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` } };
}

/** Samples the process behind the port while `work` runs. Resolves to its tree of calls. */
export async function profileOf(port, work) {
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
  const ask = (method, params = {}) => new Promise((resolve) => {
    const id = waiting.size + 1;
    waiting.set(id, resolve);
    socket.send(JSON.stringify({ id, method, params }));
  });
  await ask('Profiler.enable');
  await ask('Profiler.setSamplingInterval', { interval: sampleMicroseconds });
  await ask('Profiler.start');
  try {
    await work();
    return (await ask('Profiler.stop')).profile;
  } finally {
    socket.close();
  }
}

/** Shares of the time in which the process was busy, by where the code is that ran; the greatest first. */
export function sharesOf({ nodes, samples, timeDeltas }) {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const times = new Map();
  for (const [index, id] of samples.entries()) {
    const place = places.get(id);
    times.set(place, (times.get(place) ?? 0) + timeDeltas[index]);
  }
  times.delete('(idle)');
  const busy = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times].map(([place, time]) => ({ place, share: time / busy }))
    .sort((a, b) => b.share - a.share);
}

/** A package, a folder of ours, a module of Node; what is none of them by V8's name for it. */
function placeOf({ url, functionName }) {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (name !== undefined) return name;
  const [, folder] = /dist\/(src\/[^/]+(?:\/[^/]+(?=\/))?)/.exec(url) ?? [];
  if (folder !== undefined) return folder;
  const [, module] = /^node:(?:internal\/)?([^/]+)/.exec(url) ?? [];
  return module === undefined ? functionName || '(native)' : `node:${module}`;
}

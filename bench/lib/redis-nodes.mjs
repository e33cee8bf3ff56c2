// The masters of a Redis Cluster on this machine, without replicas.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, startRedis } from '../../tools/lib/servers.mjs';

const slots = 16_384;

/** So many servers that share all slots and know each other. `keep` is told of each at once. */
export async function startMasters(folder, count, args, keep) {
  const nodes = [];
  for (let place = 0; place < count; place += 1) {
    const busPort = await freePort();
    const server = keep(await startRedis({ dir: join(folder, `node-${place}`), args: [...args,
      '--cluster-enabled', 'yes', '--cluster-port', String(busPort),
      '--cluster-announce-ip', '127.0.0.1'] }));
    nodes.push({ server, busPort, redis: new Redis(server.url) });
  }
  try {
    await form(nodes);
  } finally {
    for (const { redis } of nodes) redis.disconnect();
  }
  return nodes.map(({ server }) => server);
}

async function form(nodes) {
  const [first] = nodes;
  for (const [place, { redis, server, busPort }] of nodes.entries()) {
    // Different from the start, or they would first have to agree who changes his.
    await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', place + 1);
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', Math.ceil(slots * place / nodes.length),
      Math.ceil(slots * (place + 1) / nodes.length) - 1);
    if (place > 0) await first.redis.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
  }
  for (const { redis } of nodes) {
    while (!isComplete(await redis.call('CLUSTER', 'INFO'), nodes.length)) await sleep(50);
  }
}

function isComplete(info, count) {
  return /cluster_state:ok/.test(info) && info.includes(`cluster_known_nodes:${count}\r`)
    && info.includes(`cluster_size:${count}\r`);
}

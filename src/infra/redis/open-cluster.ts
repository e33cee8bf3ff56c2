import { Cluster, type Redis, type RedisOptions } from 'ioredis';
import type { RedisHost } from '../../config';
import { keepHeartbeat } from './heartbeat';

/** A redirect is no fault of a server: so many are followed beside what may be tried again. */
const redirects = 2;
/** Ten times a second, for those who wait as long as it takes: longer than a fail-over does. */
const triesOfThePatient = 600;

const triesOfDuplicates = 5;
/** In the words of the library, by which BullMQ knows that it has to try again. */
const connectionIsClosed = 'Connection is closed.';

/** What a connection to a Cluster needs to know beside the options of its nodes. */
export interface ClusterSettings {
  /** Some of the nodes; the Cluster names the others itself. */
  readonly nodes: readonly RedisHost[];
  /** Of the connection to each node, but for its address. */
  readonly options: RedisOptions;
  readonly retryStrategy: (times: number) => number | null;
  /** How long a node may say nothing, in milliseconds. */
  readonly patienceMs: number;
}

/** Connections to the masters of a Cluster, each opened by its first command. */
export function openCluster({ nodes, options, retryStrategy, patienceMs }: ClusterSettings): Cluster {
  const { enableOfflineQueue = true, maxRetriesPerRequest = null } = options;
  const cluster = new Cluster([...nodes], {
    enableOfflineQueue,
    clusterRetryStrategy: retryStrategy,
    maxRedirections: maxRetriesPerRequest === null ? triesOfThePatient
      : maxRetriesPerRequest + redirects,
    redisOptions: options,
  });
  cluster.on('+node', (node: Redis) => { keepHeartbeat(node, patienceMs); });
  return cluster;
}

/**
 * Makes duplicates of this connection fit for workers of BullMQ, which block on one and wait for its end
 * to begin it again or to stop. They give a command up after some half a second without a server: a
 * worker tears the connection down when it takes a second longer than it should. And they come to
 * their end whenever they are told to, and do not fall back from it.
 */
export function fitForWorkers(cluster: Cluster): void {
  const duplicate = cluster.duplicate.bind(cluster);
  cluster.duplicate = (nodes, options) => {
    const copy = duplicate(nodes, { ...options, maxRedirections: triesOfDuplicates });
    copy.on('close', () => { setImmediate(() => { endIfClosed(copy); }); });
    const connect = copy.connect.bind(copy);
    copy.connect = () => unlessClosed(copy, connect());
    const disconnect = copy.disconnect.bind(copy);
    copy.disconnect = (reconnect) => {
      const hasNodes = copy.nodes().length > 0;
      disconnect(reconnect);
      if (!hasNodes && !reconnect) setImmediate(() => { closeWithoutNodes(copy); });
    };
    return copy;
  };
}

/**
 * The library forgets whoever waits for a connection to a Cluster that then says that it is not whole:
 * it begins anew by itself, and he would wait for ever.
 */
async function unlessClosed(cluster: Cluster, connected: Promise<void>): Promise<void> {
  const closed = Promise.withResolvers<never>();
  const giveUp = () => { closed.reject(new Error(connectionIsClosed)); };
  cluster.once('close', giveUp);
  try {
    await Promise.race([connected, closed.promise]);
  } finally {
    cluster.off('close', giveUp);
  }
}

/** What the library does about the end of a connection, and keeps to itself. */
interface Ending {
  setStatus(status: 'close'): void;
  handleCloseEvent(): void;
  flushQueue(error: Error): void;
}

const endingOf = (cluster: Cluster) => cluster as unknown as Ending;

/**
 * The library says `close` for each of the nodes that end, and does what comes after it for the first
 * alone: that is to end, and to reject what still waits for a server.
 */
function endIfClosed(cluster: Cluster): void {
  if (cluster.status !== 'close') return;
  cluster.status = 'end';
  cluster.emit('end');
  endingOf(cluster).flushQueue(new Error(connectionIsClosed));
}

/**
 * The library hears of the end by the end of the last node. A connection that is told to disconnect
 * between two attempts has none, and would never end: nor would the worker that waits for it.
 */
function closeWithoutNodes(cluster: Cluster): void {
  if (cluster.status !== 'disconnecting') return;
  endingOf(cluster).setStatus('close');
  endingOf(cluster).handleCloseEvent();
}

import { Redis } from 'ioredis';
import { isCluster, type RedisClient } from './redis-client';

/**
 * Lets what a connection is asked in one turn of the event loop leave as one write. The library's own
 * way (`enableAutoPipelining`) sends one batch and waits for its replies before the next, and makes
 * several promises more for each command. To a Cluster it is one write for each node.
 */
export function gatherWrites(connection: RedisClient): void {
  if (isCluster(connection)) connection.on('+node', gatherWritesTo);
  else gatherWritesTo(connection);
}

function gatherWritesTo(connection: Redis): void {
  let gathering: Redis['stream'] | undefined;
  connection.sendCommand = (command, target) => {
    const { stream } = connection;
    // Before the first connect there is none, whatever its type says.
    if ((stream as Redis['stream'] | undefined) !== undefined && stream !== gathering) {
      gathering = stream;
      stream.cork();
      setImmediate(() => {
        if (gathering === stream) gathering = undefined;
        stream.uncork();
      });
    }
    return Redis.prototype.sendCommand.call(connection, command, target);
  };
}

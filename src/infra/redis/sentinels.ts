import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { SentinelConnector, SentinelIterator, type Redis, type RedisOptions,
  type SentinelConnectionOptions } from 'ioredis';
import type { RedisHost, SentinelGroup } from '../../config';
import { hostOptions } from './host-options';

/** A sentinel that does not answer in this time is passed over. */
const answerWithinMs = 1_000;
/** When none of them answers; always the same, so that the fault is reported once. */
const pauseMs = 500;
const channel = '+switch-master';

/**
 * The sentinels of a master. Every connection asks one of them for the master's address each time it
 * connects, and the process hears all of them. A fail-over that was ordered leaves the old master a
 * master for ten seconds and longer, until a sentinel tells it otherwise: what it acknowledges
 * meanwhile nobody keeps. So whatever is not connected to the new one is cut off at the first word.
 */
export class Sentinels {
  private readonly logger = new Logger('Sentinels');
  private readonly sockets = new Set<Socket>();

  constructor(private readonly group: SentinelGroup, private readonly isEncrypted: boolean) {}

  /** For a connection to whatever server is the master when it connects. */
  get masterOptions(): RedisOptions {
    const { hosts, masterName: name, username, password } = this.group;
    return {
      sentinels: [...hosts], name, sentinelUsername: username, sentinelPassword: password,
      sentinelCommandTimeout: answerWithinMs, sentinelRetryStrategy: () => pauseMs,
      // REDIS_URL has them all; the addresses that they have of each other may not be ours.
      updateSentinels: false,
      Connector: connectorInto(this.sockets, hosts),
      ...(this.isEncrypted && { tls: {}, enableTLSForSentinelMode: true, sentinelTLS: {} }),
    };
  }

  /** Hears each sentinel from now on, on a connection that `open` makes and closes. */
  listen(open: (name: string, options: RedisOptions) => Redis): void {
    const { hosts, username, password } = this.group;
    for (const host of hosts) {
      const sentinel = `sentinel-${host.host}:${host.port}`;
      const connection = open(sentinel, {
        ...hostOptions(host, this.isEncrypted), username, password, maxRetriesPerRequest: null,
      });
      connection.on('message', (_channel: string, message: string) => { this.hear(message); });
      connection.on('ready', () => { void this.checkName(connection, sentinel); });
      connection.subscribe(channel).catch(() => undefined); // its fault has been reported
    }
  }

  /** `message`: name, old host, old port, new host and new port of a master. */
  private hear(message: string): void {
    const [name, , , host, port] = message.split(' ');
    if (name !== this.group.masterName) return;
    const old = [...this.sockets].filter(({ remoteAddress, remotePort }) =>
      remoteAddress !== host || remotePort !== Number(port));
    this.logger.warn({ msg: 'redis has another master', host, port, leaving: old.length });
    for (const socket of old) socket.destroy();
  }

  /** A wrong name looks like sentinels that are away, to whoever asks them for the address. */
  private async checkName(connection: Redis, sentinel: string): Promise<void> {
    const { masterName } = this.group;
    const address = await connection.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName)
      .catch(() => undefined); // it is away, which has been reported
    if (address !== null) return;
    this.logger.error({ msg: 'a sentinel knows no such master', connection: sentinel, masterName,
      action: 'compare the name at the end of REDIS_URL with what the sentinel monitors' });
  }
}

/** Makes connections to the master; each puts its socket into the set as long as it lives. */
function connectorInto(sockets: Set<Socket>,
  hosts: readonly RedisHost[]): NonNullable<RedisOptions['Connector']> {
  return class extends SentinelConnector {
    private attempts = 0;

    constructor(options: unknown) {
      super(options as SentinelConnectionOptions);
    }

    override async connect(emit: Parameters<SentinelConnector['connect']>[0]) {
      // Each time another one is the first, since one may still name a master that is gone. ioredis
      // would go on where it stopped, and at the end of the list call all of them unreachable.
      const turn = this.attempts++ % hosts.length;
      this.sentinelIterator = new SentinelIterator([...hosts.slice(turn), ...hosts.slice(0, turn)]);
      const socket = await super.connect(emit);
      sockets.add(socket);
      socket.once('close', () => { sockets.delete(socket); });
      return socket;
    }
  };
}

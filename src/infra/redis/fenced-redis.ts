import { setTimeout as sleep } from 'node:timers/promises';
import { Redis, ReplyError, type RedisOptions } from 'ioredis';
import { ProblemError, TemporarilyUnavailable } from '../../kernel';
import { Circuit } from '../circuit';
import { gatherWrites } from './gather-writes';
import { keepHeartbeat } from './heartbeat';
import { LuaCommands, type LuaScript, type ScriptArgument } from './lua-scripts';

const commandTimeoutMs = 1_500;
const reconnectWaitMs = 1_500;

/** Builds the arguments of a script for the server with this run id. */
export type FencedArguments = (boot: string) => readonly ScriptArgument[];

/**
 * The connection that sells. A command cannot outlive the server that it was meant for: nothing is
 * queued while the socket is down, nothing is sent again by the client library, and the server's
 * run id is read anew on every connect before any command may pass. Scripts compare that run id
 * with the one stored in their data, so data that came back from an old snapshot sells nothing.
 */
export class FencedRedis {
  readonly connection: Redis;
  private readonly commands: LuaCommands;
  private currentRunId: string | undefined;
  /** Shared by all who wait in an outage, and renewed with each. */
  private fence = Promise.withResolvers<void>();
  private readonly circuit = new Circuit((error) => !(error instanceof ReplyError));

  /** `server`: how to reach it, and when to try again. */
  constructor(server: RedisOptions, scripts: readonly LuaScript[]) {
    this.connection = new Redis({
      ...server,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandTimeoutMs,
      connectionName: 'fairdrop-fenced',
    });
    gatherWrites(this.connection);
    this.commands = new LuaCommands(this.connection, scripts);
    this.connection.on('close', () => {
      if (this.currentRunId !== undefined) this.fence = Promise.withResolvers();
      this.currentRunId = undefined;
    });
    this.connection.on('ready', () => { void this.readRunId(); });
    keepHeartbeat(this.connection, commandTimeoutMs);
  }

  /** The run id of the server behind the open socket; undefined while there is none. */
  get runId(): string | undefined {
    return this.currentRunId;
  }

  /**
   * Runs an idempotent script. When the socket broke under it, the answer is asked for again once
   * on the next connection. Throws TEMPORARILY_UNAVAILABLE when Redis is away or refuses; whether
   * the script ran is then unknown.
   */
  async run(name: string, keys: readonly string[], args: FencedArguments): Promise<unknown> {
    try {
      return await this.circuit.run(() => this.attemptTwice(name, keys, args));
    } catch (error) {
      throw stockUnavailable(error);
    }
  }

  /** Whether nobody is asked at the moment, because the last calls had no answer. */
  get isOpenCircuit(): boolean {
    return this.circuit.isOpen;
  }

  /** Resolves when the fence is up, at the latest after this time; `runId` says whether it is. */
  async whenReady(timeoutMs: number): Promise<void> {
    const deadline = new AbortController();
    await Promise.race([this.fence.promise,
      sleep(timeoutMs, undefined, { signal: deadline.signal }).catch(() => undefined)]);
    deadline.abort();
  }

  /** Calls back on every connect, once the run id of the server is known. */
  onFence(listener: (runId: string) => void): void {
    this.connection.on('fence', listener);
  }

  private async attemptTwice(name: string, keys: readonly string[], args: FencedArguments) {
    try {
      return await this.attempt(name, keys, args);
    } catch (error) {
      if (error instanceof ReplyError) throw error;
      await this.whenReady(reconnectWaitMs);
      return await this.attempt(name, keys, args);
    }
  }

  private async attempt(name: string, keys: readonly string[], args: FencedArguments) {
    const boot = this.currentRunId;
    if (boot === undefined) throw new Error('no connection to Redis');
    return this.commands.run(name, keys, args(boot));
  }

  private async readRunId(): Promise<void> {
    try {
      const runId = /^run_id:(\w+)/m.exec(await this.connection.info('server'))?.[1];
      if (runId === undefined || this.connection.status !== 'ready') return;
      this.currentRunId = runId;
      this.circuit.close();
      this.fence.resolve();
      this.connection.emit('fence', runId);
    } catch {
      // The socket broke while it was asked: the next connect asks again.
      this.connection.disconnect(true);
    }
  }
}

/** The problem that a buyer is told when the stock cannot be asked, or does not answer. */
export function stockUnavailable(cause: unknown): ProblemError {
  return new TemporarilyUnavailable(
    'The stock cannot be reached right now. Ask again with the same Idempotency-Key.', { cause });
}

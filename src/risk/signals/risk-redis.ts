import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { ipNetworkOf } from '../../infra/http';
import { AdmissionRedis, readLuaScripts, type LuaCommands, type ScriptArgument }
  from '../../infra/redis';

/** The keys and scripts of the risk layer; ../rules/README.md says what they hold, how long. */
@Injectable()
export class RiskRedis {
  readonly ask: AdmissionRedis['ask'];
  /** Then no command may have keys of a user and of an address or a device together. */
  readonly isCluster: boolean;
  private readonly commands: LuaCommands;

  constructor(private readonly redis: AdmissionRedis) {
    this.ask = redis.ask.bind(redis);
    this.isCluster = redis.isCluster;
    this.commands = redis.commands(readLuaScripts(join(__dirname, 'lua')));
  }

  /** Rejects with a connection error, or with whatever Redis says, and for a bad argument. */
  async run(script: string, keys: readonly string[], args: readonly ScriptArgument[]) {
    const reply = await this.commands.run(script, keys, args);
    const code: unknown = Array.isArray(reply) ? reply[0] : reply;
    if (code === -8) throw new Error(`${script} does not take these arguments`);
    return reply;
  }

  readonly user = (userId: string) => this.keyOfUser('user', userId);
  readonly userDevices = (userId: string) => this.keyOfUser('user-devices', userId);
  readonly userHolds = (userId: string) => this.keyOfUser('user-holds', userId);
  readonly expired = (userId: string) => this.keyOfUser('expired', userId);
  readonly cancelled = (userId: string) => this.keyOfUser('cancelled', userId);
  readonly ipUsers = (ip: string) =>
    this.redis.key('risk', 'ip-users', this.redis.identity(ipNetworkOf(ip) ?? 'unknown'));
  readonly deviceUsers = (mark: string) => this.keyOfDevice('device-users', mark);
  readonly deviceHolds = (mark: string) => this.keyOfDevice('device-holds', mark);
  readonly sample = () => this.redis.key('risk', 'sample');

  private keyOfUser(kind: string, userId: string): string {
    return this.redis.key('risk', kind, this.redis.identity(userId));
  }

  private keyOfDevice(kind: string, mark: string): string {
    return this.redis.key('risk', kind, this.isCluster ? `{${mark}}` : mark);
  }
}

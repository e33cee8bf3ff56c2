import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisClient } from './redis-client';

/** One Lua command: its name, how many KEYS it takes, and its text with includes filled in. */
export interface LuaScript {
  name: string;
  /** Undefined: as many as each call brings. */
  numberOfKeys?: number;
  lua: string;
}

const fileName = /^(?<name>[a-z-]+)-(?<keys>\d+|n)\.lua$/;
const includeLine = /^-- @include (?<name>[a-z-]+)$/gm;

/**
 * Reads every `<name>-<number of KEYS>.lua` of a directory; `n` for as many as a call brings. A line
 * `-- @include x` is replaced by `x.include.lua`. Throws when a file's name does not follow the rule or an
 * include is missing.
 */
export function readLuaScripts(directory: string): LuaScript[] {
  const files = readdirSync(directory).filter((file) => file.endsWith('.lua'));
  return files.filter((file) => !file.endsWith('.include.lua')).map((file) => {
    const { name, keys } = fileName.exec(file)?.groups ?? {};
    if (name === undefined) {
      throw new Error(`${file}: name it <command>-<number of KEYS>.lua`);
    }
    const lua = readFileSync(join(directory, file), 'utf8').replace(includeLine,
      (_line, include: string) => readFileSync(join(directory, `${include}.include.lua`), 'utf8'));
    return { name, lua, ...(keys !== 'n' && { numberOfKeys: Number(keys) }) };
  });
}

export type ScriptArgument = string | number;

type Command = (keys: readonly string[], args: readonly ScriptArgument[]) => Promise<unknown>;

/**
 * Commands of one connection: `run('reserve', keys, args)`. ioredis loads them when needed. Several
 * modules may define theirs on the same connection; a name that is taken throws, since the last
 * script of that name would answer for all.
 */
export class LuaCommands {
  private readonly commands = new Map<string, Command>();

  /** `through`: what every run goes through, such as a circuit. */
  constructor(
    connection: RedisClient, scripts: readonly LuaScript[],
    private readonly through = (run: () => Promise<unknown>) => run(),
  ) {
    for (const { name, numberOfKeys, lua } of scripts) {
      if (name in connection) throw new Error(`This connection has a command ${name} already`);
      connection.defineCommand(name, numberOfKeys === undefined ? { lua } : { numberOfKeys, lua });
      const command = (connection as unknown as
        Record<string, (...args: ScriptArgument[]) => Promise<unknown>>)[name];
      if (!command) throw new Error(`ioredis did not define the command ${name}`);
      this.commands.set(name, (keys, args) => command.apply(connection,
        numberOfKeys === undefined ? [keys.length, ...keys, ...args] : [...keys, ...args]));
    }
  }

  /** Runs a script. Rejects with a ReplyError from Redis or a connection error from ioredis. */
  run(name: string, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    const command = this.commands.get(name);
    if (!command) throw new Error(`No Lua script is called ${name}`);
    return this.through(() => command(keys, args));
  }
}

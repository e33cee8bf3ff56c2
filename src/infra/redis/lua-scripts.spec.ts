import { Redis } from 'ioredis';
import { LuaCommands } from './lua-scripts';

const lua = 'return 1';

describe('LuaCommands', () => {
  it('refuses a name that another module has taken on the same connection', () => {
    const redis = new Redis({ lazyConnect: true });
    new LuaCommands(redis, [{ name: 'count-calls', numberOfKeys: 1, lua }]);
    expect(() => new LuaCommands(redis, [{ name: 'count-calls', numberOfKeys: 1, lua }]))
      .toThrow('This connection has a command count-calls already');
    redis.disconnect();
  });

  it('refuses the name of a command of Redis', () => {
    const redis = new Redis({ lazyConnect: true });
    expect(() => new LuaCommands(redis, [{ name: 'set', numberOfKeys: 1, lua }])).toThrow('set');
    redis.disconnect();
  });

  it('lets two connections have the same command', () => {
    const connections = [new Redis({ lazyConnect: true }), new Redis({ lazyConnect: true })];
    for (const redis of connections) {
      expect(() => new LuaCommands(redis, [{ name: 'count-calls', lua }])).not.toThrow();
      redis.disconnect();
    }
  });
});

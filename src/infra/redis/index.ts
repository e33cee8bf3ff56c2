export { AdmissionRedis } from './admission-redis';
export { FencedRedis, type FencedArguments } from './fenced-redis';
export { LuaCommands, readLuaScripts, type LuaScript, type ScriptArgument } from './lua-scripts';
export { RedisConnections } from './redis-connections';
export { RedisModule } from './redis.module';
export { ReplicaWait } from './replica-wait';
export { ServerClock } from './server-clock';
export { faultOf, readServerSettings, type ServerSettings } from './server-settings';

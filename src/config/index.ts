export { ConfigError } from './config-error';
export { APP_CONFIG, ConfigModule } from './config.module';
export { loadConfig, readEnvironment, readVariables, type AppConfig } from './load-config';
export { parseRedisUrl, type RedisAddress, type RedisHost, type SentinelGroup } from './redis-url';
export { requestsPerSecond, throttleWindows, type ThrottleWindow } from './variable-kinds';

import { Global, Module } from '@nestjs/common';
import { AdmissionRedis } from './admission-redis';
import { RedisConnections } from './redis-connections';
import { ServerClock } from './server-clock';

@Global()
@Module({
  providers: [AdmissionRedis, RedisConnections, ServerClock],
  exports: [AdmissionRedis, RedisConnections, ServerClock],
})
export class RedisModule {}

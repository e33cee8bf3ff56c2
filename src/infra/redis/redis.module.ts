import { Global, Module } from '@nestjs/common';
import { RedisConnections } from './redis-connections';
import { ServerClock } from './server-clock';

@Global()
@Module({
  providers: [RedisConnections, ServerClock],
  exports: [RedisConnections, ServerClock],
})
export class RedisModule {}

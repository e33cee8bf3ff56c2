import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthController } from './health.controller';
import { Lifecycle } from './lifecycle';

/** `GET /health/live`, `GET /health/ready`, and the `Lifecycle` that turns the second to no. */
@Module({
  // A failed check is an answer, not an event: what is away says so in the log itself.
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [Lifecycle],
  exports: [Lifecycle],
})
export class HealthModule {}

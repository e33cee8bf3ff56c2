import { Controller, Get, Header } from '@nestjs/common';
import { z } from 'zod';
import { Describe, Public } from '../infra/http';
import { ServerClock } from '../infra/redis';

const serverTime = z.object({ now: z.int().meta({ description: 'Milliseconds since 1970, UTC' }) })
  .meta({ id: 'ServerTime', examples: [{ now: 1769853600000 }] });

@Controller()
export class TimeController {
  constructor(private readonly clock: ServerClock) {}

  @Get('v1/time')
  @Public()
  @Header('Cache-Control', 'no-store')
  @Describe({
    summary: 'The clock that decides when a sale opens and closes',
    tag: 'sales',
    answers: { 200: { description: 'The time on the server.', schema: serverTime } },
  })
  now(): z.infer<typeof serverTime> {
    return { now: this.clock.now() };
  }
}

import { RouteConfig } from '@nestjs/platform-fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers are the same for everybody, and may be refused first. */
    shedWhenBusy?: true;
  }
}

/** For a public read: while the process is busy it is answered from memory, or told to come back. */
export const ShedWhenBusy = () => RouteConfig({ shedWhenBusy: true });

import type { LoggerService } from '@nestjs/common';
import type { Logger as Pino } from 'pino';

type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** What Nest says while it wires itself up; when that fails, `main` says so once. */
const wiringContexts = new Set([
  'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestFactory', 'ExceptionHandler',
]);

/**
 * Writes what goes through Nest's `Logger` to pino. Services use it like this:
 * ```ts
 * private readonly logger = new Logger('Reconciliation');
 * this.logger.warn({ msg: 'stock drift stands', saleId, drift, action: 'repairing by rid' });
 * this.logger.error({ msg: 'repair failed', saleId, err: error });
 * ```
 * The name becomes `context`; an error belongs under `err`, which keeps its stack and causes.
 */
export class StructuredLogger implements LoggerService {
  constructor(readonly pino: Pino) {}

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write(isWiring(rest) ? 'debug' : 'error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(isWiring(rest) ? 'debug' : 'info', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  private write(level: Level, message: unknown, rest: readonly unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    // Nest appends the logger's name; before it may come the stack of an error.
    const context = rest.at(-1);
    const stack = rest.length > 1 ? rest[0] : undefined;
    if (message instanceof Error) {
      this.pino[level]({ context, err: message }, message.message);
    } else if (typeof message === 'object' && message !== null) {
      this.pino[level]({ context, stack, ...message });
    } else {
      this.pino[level]({ context, stack }, String(message));
    }
  }
}

function isWiring(rest: readonly unknown[]): boolean {
  return wiringContexts.has(String(rest.at(-1)));
}

import { setImmediate as turn } from 'node:timers/promises';
import { RedisConnections } from '../../../src/infra/redis';
import { testConfig } from '../../support/stack';
import { until } from '../../support/until';

const commandTimeoutMs = 500;
/** Redis answers by then, however busy the machine is. */
const busyMs = 6_000;

/** Serves nobody meanwhile, as a process that has too much to do. */
function beBusy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe('a process that was busy for longer than a command may take', () => {
  let connections: RedisConnections;

  beforeAll(() => {
    connections = new RedisConnections(testConfig({ DATABASE_URL: 'mysql://database/shop' }));
  });

  afterAll(() => { connections.onApplicationShutdown(); });

  it('finds the answer that has come meanwhile, and does not blame Redis', async () => {
    const connection = connections.open('busy', { commandTimeout: commandTimeoutMs });
    await until('it is ready', async () => connection.status === 'ready');
    const answer = connection.echo('there');
    await turn(); // it is on its way
    beBusy(busyMs);
    expect(await answer).toBe('there');
  });

  it('still gives up a command that is not answered', async () => {
    const connection = connections.open('patient', { commandTimeout: commandTimeoutMs });
    await expect(connection.blpop('nobody-pushes-here', 0)).rejects.toThrow('Command timed out');
  });
});

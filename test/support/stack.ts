import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { migrations } from '../../migrations';
import { type AppConfig, loadConfig } from '../../src/config';
import { runMigrations } from '../../src/infra/database';

/** A new database with every table, by default on the MariaDB of the tests; drop it afterwards. */
export async function withDatabase(server = process.env.TEST_DATABASE_URL ?? ''): Promise<{
  databaseUrl: string; drop: () => Promise<void>;
}> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const databaseUrl = new URL(`/${name}`, server).href;
  await runMigrations(databaseUrl, migrations);
  return {
    databaseUrl,
    drop: async () => {
      const connection = await createConnection(server);
      await connection.query(`DROP DATABASE ${name}`);
      await connection.end();
    },
  };
}

/** A configuration for the Redis of the tests, in a namespace that nobody else uses. */
export function testConfig(overrides: Record<string, string> = {}): AppConfig {
  return loadConfig(testEnvironment(overrides));
}

/** The same as environment variables, for a process of its own. */
export function testEnvironment(overrides: Record<string, string> = {}): Record<string, string> {
  return {
    // What the first process of a run has compiled the others need not.
    NODE_COMPILE_CACHE: join(process.env.TEST_FOLDER ?? tmpdir(), 'fairdrop-compiled'),
    REDIS_URL: process.env.TEST_REDIS_URL ?? '',
    REDIS_NAMESPACE: `test-${randomBytes(6).toString('hex')}`,
    JWT_SECRET: 'secret-of-the-tests-'.repeat(2),
    PAYMENT_WEBHOOK_SECRET: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    DRAIN_SECONDS: '0',
    // One address plays a whole crowd: tests of the funnel switch on what they are about.
    THROTTLE_USER: 'off',
    THROTTLE_IP: 'off',
    THROTTLE_DEVICE: 'off',
    THROTTLE_CALLS: 'off',
    OVERLOAD: 'off',
    RISK: 'off',
    HOLDS_PER_USER: 'off',
    HOLDS_PER_DEVICE: 'off',
    ...overrides,
  };
}

import { randomBytes } from 'node:crypto';
import { ModuleRef } from '@nestjs/core';
import type { Abstract, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AppConfig } from '../../src/config';
import { createApplication } from '../../src/create-application';
import { TestClient } from './client';
import { testConfig, withDatabase } from './stack';

/** A database and a Redis namespace of their own: what all processes of one product share. */
export interface Installation {
  readonly environment: Readonly<Record<string, string>>;
  readonly drop: () => Promise<void>;
}

export async function createInstallation(): Promise<Installation> {
  const { databaseUrl, drop } = await withDatabase();
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  return { environment: { DATABASE_URL: databaseUrl, REDIS_NAMESPACE: namespace }, drop };
}

/** The whole real product in this process, listening on a port of its own. */
export class TestProduct {
  readonly client: TestClient;

  private constructor(
    readonly application: NestFastifyApplication,
    readonly config: AppConfig,
    readonly url: string,
    private readonly dropInstallation: () => Promise<void>,
  ) {
    this.client = new TestClient(url, config);
  }

  /**
   * `installation`: where several processes are one product; without it a new one, dropped at stop.
   * PORT in the environment is needed only where the product calls itself by its public URL.
   */
  static async start(environment: Record<string, string> = {},
    installation?: Installation): Promise<TestProduct> {
    const own = installation ?? await createInstallation();
    const config = testConfig({ ...own.environment, ...environment });
    const application = await createApplication(config);
    await application.listen('PORT' in environment ? config.port : 0, '127.0.0.1');
    return new TestProduct(application, config, await application.getUrl(),
      installation ? async () => undefined : own.drop);
  }

  /** A part of the running product. */
  get<Part>(type: Type<Part> | Abstract<Part> | string): Part {
    return this.application.get<Part>(type);
  }

  /** A new part as the module would make it, such as a worker's in a process with the API alone. */
  create<Part>(type: Type<Part>, module: Type): Promise<Part> {
    return this.application.select(module).get(ModuleRef, { strict: true }).create(type);
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.application.close();
    await this.dropInstallation();
  }
}

import type { INestApplication } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';

const hooks = ['onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown'];

type Step = (this: unknown, ...parameters: unknown[]) => unknown;

/**
 * Watches what happens when the application closes. What it returns answers which steps have begun and
 * not ended, as `Class.method`, so that a stop that takes too long can say what it waits for.
 */
export function watchShutdown(application: INestApplication): () => string[] {
  const open = new Set<string>();
  const providers = application.get(DiscoveryService).getProviders();
  const instances = new Set(providers.map((wrapper): unknown => wrapper.instance));
  for (const instance of instances) {
    if (typeof instance === 'object' && instance !== null) {
      for (const hook of hooks) watch(instance, hook, open);
    }
  }
  watch(application.getHttpAdapter(), 'close', open);
  return () => [...open];
}

function watch(instance: object, method: string, open: Set<string>): void {
  const steps = instance as Record<string, Step | undefined>;
  const step = steps[method];
  if (typeof step !== 'function') return;
  const name = `${instance.constructor.name}.${method}`;
  steps[method] = async (...parameters) => {
    open.add(name);
    try {
      return await step.apply(instance, parameters);
    } finally {
      open.delete(name);
    }
  };
}

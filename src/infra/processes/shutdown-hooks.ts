import type { DiscoveryService } from '@nestjs/core';

const hooks = ['onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown'] as const;

type Hook = (this: unknown, signal?: string) => unknown;

/**
 * Watches the shutdown hooks of an application's providers. What it returns answers which of them have
 * begun and not ended, as `Class.hook`, so that a stop that takes too long can say what it waits for.
 */
export function watchShutdownHooks(discovery: DiscoveryService): () => string[] {
  const open = new Set<string>();
  const instances = new Set(discovery.getProviders().map((wrapper): unknown => wrapper.instance));
  for (const instance of instances) {
    if (typeof instance !== 'object' || instance === null) continue;
    for (const hook of hooks) watch(instance, hook, open);
  }
  return () => [...open];
}

function watch(instance: { [hook in typeof hooks[number]]?: Hook }, hook: typeof hooks[number],
  open: Set<string>): void {
  const run = instance[hook];
  if (typeof run !== 'function') return;
  const name = `${instance.constructor.name}.${hook}`;
  instance[hook] = async (signal) => {
    open.add(name);
    try {
      await run.call(instance, signal);
    } finally {
      open.delete(name);
    }
  };
}

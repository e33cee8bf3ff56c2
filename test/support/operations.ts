import type { Method, TestClient } from './client';

/** Every operation of the product, as its own document says: a new route is here by itself. */
export async function operationsOf(client: TestClient): Promise<{ method: Method; path: string }[]> {
  const { body } = await client.call<{ paths: Record<string, object> }>('GET', '/openapi.json');
  return Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase() as Method, path })));
}

import type { FastifyInstance } from 'fastify';
import { accessOf } from './access';
import { inputsOf } from './describe';

type Handler = (this: unknown, ...parameters: unknown[]) => Promise<unknown>;

/**
 * Lets the server call this method of a controller itself, instead of through Nest, whose way costs
 * about as much as the rest of a request: no guard, pipe or interceptor is asked, so that whatever
 * they would do must have been done by a hook. Parameters are read as their decorators say, which
 * must all be made by `parameter`; what the method throws is answered as everywhere else.
 */
export function handleDirectly<Controller extends object>(server: FastifyInstance,
  { method, url }: { method: string; url: string }, controller: Controller,
  name: keyof Controller & string): void {
  const { readers } = inputsOf(Object.getPrototypeOf(controller) as object, name);
  const handler = controller[name] as Handler;
  // Without holes: Nest's own decorators leave some.
  if (handler.length !== Object.keys(readers).length) {
    throw new Error(`${name} has parameters of another kind`);
  }
  if (accessOf(handler, controller.constructor) !== 'signed-in') {
    throw new Error(`Nobody asks for the roles of ${name}`);
  }
  server.addHook('preHandler', (request, reply, done) => {
    if (request.routeOptions.url !== url || request.method !== method) {
      done();
      return;
    }
    handler.apply(controller, readers.map((read) => read(request, reply)))
      .then((body) => { void reply.send(body); }).catch(done);
  });
}

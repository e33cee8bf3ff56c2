import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { createParamDecorator } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { accessOf, type Access } from '../infra/http';
import { ProblemError } from '../kernel';
import type { Authenticator } from './authenticator';
import type { Identity } from './identity';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is asking; undefined on public routes, and before that is known. */
    identity?: Identity;
  }
}

/**
 * Guards every route of the application: without `@Public()` a token is needed, with `@Roles(…)`
 * one of those roles. A route under /admin that names no role lets nobody in.
 */
export class AuthGuard implements CanActivate {
  constructor(private readonly authenticator: Authenticator) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = accessOf(context.getHandler(), context.getClass());
    if (access === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const identity = request.identity
      ?? this.authenticator.identify(request.headers.authorization);
    return identity instanceof Promise
      ? identity.then((found) => admit(request, found, access))
      : admit(request, identity, access);
  }
}

function admit(request: FastifyRequest, identity: Identity, access: Access): true {
  request.identity = identity;
  const isEnough = typeof access === 'string'
    ? !request.routeOptions.url?.startsWith('/admin/')
    : identity.roles.some((role) => access.includes(role));
  if (isEnough) return true;
  throw new ProblemError('FORBIDDEN', 'The token lacks the role that this call needs.');
}

/** The caller, on every route that is not public: `@CurrentUser() buyer: Identity`. */
export const CurrentUser = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  const { identity } = context.switchToHttp().getRequest<FastifyRequest>();
  if (identity === undefined) throw new Error('@CurrentUser() does not work on a public route');
  return identity;
});

import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AppConfig } from '../config';
import { accessOf, clientIpOf, parameter, type Access } from '../infra/http';
import { AddressRanges, ProblemError } from '../kernel';
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
 * one of those roles, with `@Operations()` an address of OPERATIONS_NETWORKS or a role for looking.
 * A route under /admin that names no role lets nobody in.
 */
export class AuthGuard implements CanActivate {
  /** Undefined where everybody may see how the product runs. */
  private readonly operators: AddressRanges | undefined;

  constructor(
    private readonly authenticator: Authenticator,
    { operationsNetworks }: Pick<AppConfig, 'operationsNetworks'>,
  ) {
    this.operators = operationsNetworks && new AddressRanges(operationsNetworks);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = accessOf(context.getHandler(), context.getClass());
    if (access === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (access === 'operations') return this.admitOperator(request);
    const identity = request.identity
      ?? this.authenticator.identify(request.headers.authorization);
    return identity instanceof Promise
      ? identity.then((found) => admit(request, found, access))
      : admit(request, identity, access);
  }

  /** Whoever is no operator learns only that there is nothing here. */
  private async admitOperator(request: FastifyRequest): Promise<true> {
    if (this.operators === undefined || this.operators.includes(knownIpOf(request))) return true;
    try {
      const { roles } = await this.authenticator.identify(request.headers.authorization);
      if (roles.includes('admin') || roles.includes('viewer')) return true;
    } catch (error) {
      if (!(error instanceof ProblemError && error.code === 'UNAUTHENTICATED')) throw error;
    }
    throw new ProblemError('NOT_FOUND', 'No route has this path.');
  }
}

/**
 * The caller's address, empty when a proxy that is not in TRUST_PROXY stands before him: its own
 * address, often one of this machine, must not open the door for everybody behind it.
 */
function knownIpOf(request: FastifyRequest): string {
  const ip = clientIpOf(request);
  const isForwarded = 'x-forwarded-for' in request.headers || 'forwarded' in request.headers;
  return isForwarded && ip === request.socket.remoteAddress ? '' : ip;
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
export const CurrentUser = (): ParameterDecorator => parameter(({ identity }) => {
  if (identity === undefined) throw new Error('@CurrentUser() does not work on a public route');
  return identity;
});

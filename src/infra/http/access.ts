import { SetMetadata } from '@nestjs/common';

/**
 * Who may call a route: anyone, anyone who is signed in, who operates the product, or the holders
 * of one of these roles.
 */
export type Access = 'public' | 'signed-in' | 'operations' | readonly string[];

const accessKey = Symbol('access');

/** Anyone may call; on a handler or on a whole controller. Without it a token is needed. */
export const Public = () => SetMetadata(accessKey, 'public' satisfies Access);

/** What tells about the inside: for callers from OPERATIONS_NETWORKS and for admins and viewers. */
export const Operations = () => SetMetadata(accessKey, 'operations' satisfies Access);

/** Only holders of one of these roles may call; on a handler it overrides its controller. */
export const Roles = (...roles: string[]) => SetMetadata(accessKey, roles satisfies Access);

/**
 * What the decorators say. The guard of `src/auth` enforces it, the OpenAPI document shows it; it
 * lives here because the routes of `src/infra` declare it, too.
 */
export function accessOf(handler: object, controller: object): Access {
  return (Reflect.getMetadata(accessKey, handler)
    ?? Reflect.getMetadata(accessKey, controller) ?? 'signed-in') as Access;
}

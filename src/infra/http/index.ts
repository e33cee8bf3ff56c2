export { accessOf, Public, Roles, type Access } from './access';
export { createHttpApplication } from './create-http-application';
export { Describe, type RouteDescription } from './describe';
export { DocsModule } from './docs.module';
export { cursorParameter, pageItemsAtMost, pageOf, pageSchema, type PageEnd } from './page';
export {
  IdempotencyKey, PathId, PreferredWaitSeconds, ValidBody, ValidQuery, waitSecondsAtMost,
} from './parameters';
export { clientIpOf, traceIdOf } from './request';
export { routesOf, type Route } from './routes';
export { validate, validationFailed } from './validate';

export { accessOf, Public, Roles, type Access } from './access';
export { createHttpApplication } from './create-http-application';
export { Describe, type RouteDescription } from './describe';
export { DocsModule } from './docs.module';
export { cursorParameter, pageItemsAtMost, pageOf, pageSchema, type PageEnd } from './page';
export {
  DeviceId, IdempotencyKey, PathId, PathText, PreferredWaitSeconds, ProofHeader, ValidBody,
  ValidQuery, waitSecondsAtMost,
} from './parameters';
export { answerProblem } from './problem-filter';
export { clientIpOf, deviceIdOf, traceIdOf } from './request';
export { routesOf, type Route } from './routes';
export { validate, validationFailed } from './validate';

export { accessOf, Operations, Public, Roles, type Access } from './access';
export { canonicalIp, ipNetworkOf } from './address';
export { createHttpApplication } from './create-http-application';
export { Describe, type RouteDescription } from './describe';
export { DocsModule } from './docs.module';
export { beforeFirstPage, cursorParameter, pageItemsAtMost, pageOf, pageSchema, type PageEnd } from './page';
export { handleDirectly } from './direct-route';
export {
  ClientIp, DeviceId, IdempotencyKey, parameter, PathId, PathText, PreferredWaitSeconds, ProofHeader,
  Reply, TraceId, ValidBody, ValidQuery,
} from './parameters';
export { answerProblem } from './problem-filter';
export { clientIpOf, deviceIdOf, deviceIdPattern, traceIdOf } from './request';
export { routesOf, type Route } from './routes';
export { inlinePageHeaders, workerHeaders } from './security-headers';
export { toProblem } from './to-problem';
export { validate, validationFailed } from './validate';

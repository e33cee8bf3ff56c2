export { createLogger } from './create-logger';
export { logRequests } from './request-log';
export { StructuredLogger } from './structured-logger';

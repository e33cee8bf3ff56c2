export { StartFailure } from './child';
export { closeTimeoutMs, fail, onStopRequest } from './ending';
export { tellPrimary, type ToChild } from './messages';
export { Primary } from './primary';
export { watchShutdown } from './watch-shutdown';

export * from './bytes.js';
export * from './environment.js';
export * from './errors.js';
export * from './exit-reason.js';
export * from './logger.js';
export * from './options.js';
export * from './pid.js';
export type * from './remote.js';

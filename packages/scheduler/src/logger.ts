/**
 * Where a library says what an operator should read. A subset of pino's interface, so that a pino logger
 * fits as it is; the default says nothing, because libraries never print.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = (): void => {};

export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

import {
  anything,
  type Environment,
  type Logger,
  resolveOptions,
  silentLogger,
  systemEnvironment,
  wholeNumber,
} from '@liminal-node/scheduler';

export interface ChannelsOptions {
  /** Bytes of an encoded payload; a publish beyond it is refused. Keep it below distribution's `maxFrameBytes`. @default 8 MiB */
  readonly maxPayloadBytes: number;
  /** @default the real one */
  readonly environment: Environment;
  /** @default silent */
  readonly logger: Logger;
}

const DEFAULTS: ChannelsOptions = {
  maxPayloadBytes: 8 * 1024 * 1024,
  environment: systemEnvironment,
  logger: silentLogger,
};

/** @throws OptionError */
export function resolveChannelsOptions(given: Partial<ChannelsOptions> | undefined): ChannelsOptions {
  return resolveOptions(given, DEFAULTS, {
    maxPayloadBytes: wholeNumber(1, 2 ** 30),
    environment: anything,
    logger: anything,
  });
}

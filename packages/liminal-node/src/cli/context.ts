/**
 * What every command is given: its outputs, its end, and the flags that all have.
 */
import { type Command, Option } from 'commander';
import type { ExitCode } from '../exit-code.js';
import type { Interruption } from './interruption.js';
import type { Output } from './output.js';

export interface Context {
  /** Results only, so that they can be piped. */
  readonly stdout: Output;
  /** Everything else: what happens, and what went wrong. */
  readonly stderr: Output;
  /** Ctrl-C, SIGTERM, or a reader that has gone. */
  readonly interruption: Interruption;
  /** The exit code, once the command has come to its end. */
  finish(exitCode: ExitCode): void;
}

/** `--json`, which every command has. */
export function jsonOption(description: string): Option {
  return new Option('--json', description).env('LIMINAL_JSON');
}

/** `--cookie-file`, which every command has that talks to a node. */
export function cookieFileOption(): Option {
  return new Option(
    '--cookie-file <path>',
    'file with the secret that the nodes share; otherwise LIMINAL_COOKIE, otherwise ~/.liminal/cookie',
  ).env('LIMINAL_COOKIE_FILE');
}

/**
 * The cookie file of the command line. That of the environment is left to `resolveCookie`, for which
 * `LIMINAL_COOKIE` comes before it.
 */
export function cookieFileFlag(command: Command): string | undefined {
  const fromFlag = command.getOptionValueSource('cookieFile') === 'cli';
  return fromFlag ? (command.getOptionValue('cookieFile') as string) : undefined;
}

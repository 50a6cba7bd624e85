/**
 * How the commands that attach meet a running node: their common flags, the cookie, the connection.
 */
import { Option } from 'commander';
import { resolveCookie } from '../cookie.js';
import { EXIT } from '../exit-code.js';
import type { RemoteNode } from '../remote-node.js';
import { connectAddress } from './arguments.js';
import { CliFailure } from './failure.js';
import { aborted, type Interruption } from './interruption.js';
import { LOG_LEVELS, type LogLevel, openLog } from './log.js';
import { type TlsFlags, tlsFiles } from './tls-flags.js';

/** What the flags that all attaching commands have were set to. */
export interface AttachmentFlags extends TlsFlags {
  readonly connect: string;
  readonly json?: true;
  readonly logLevel: LogLevel;
}

export function connectOption(): Option {
  return new Option('--connect <host:port>', 'the node to attach to: what it prints behind "nodes" when it starts')
    .default('127.0.0.1:4370')
    .argParser(connectAddress)
    .env('LIMINAL_CONNECT');
}

export function logLevelOption(level: LogLevel): Option {
  return new Option('--log-level <level>', 'how much to log on stderr')
    .choices(LOG_LEVELS)
    .default(level)
    .env('LIMINAL_LOG_LEVEL');
}

/**
 * @param dialLearned connect to every node that the first one knows as well.
 * @throws CookieError; ConnectError where there is no node, or it refuses; CliFailure where it is interrupted.
 */
export async function attach(
  flags: AttachmentFlags,
  cookieFile: string | undefined,
  dialLearned: boolean,
  { signal }: Interruption,
): Promise<RemoteNode> {
  const tls = tlsFiles(flags);
  const cookie = await resolveCookie({ cookieFile });
  // Only here: help and refusals should come at once.
  const { attachTo } = await import('../remote-node.js');
  const logger = await openLog(flags.logLevel, flags.json === true);
  const attaching = attachTo(flags.connect, { cookie: cookie.value, tls, dialLearned, logger });
  const remote = await Promise.race([attaching, aborted(signal)]);
  if (remote !== undefined) return remote;
  attaching.catch(() => {});
  throw new CliFailure(EXIT.failed, `Interrupted before it was connected to ${flags.connect}.`);
}

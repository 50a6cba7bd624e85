/** `--tls-cert`, `--tls-key` and `--tls-ca`: all three, or plain TCP. */
import type { TlsFiles } from '@liminal-node/distribution';
import { type Command, Option } from 'commander';
import { EXIT } from '../exit-code.js';
import { CliFailure } from './failure.js';

export interface TlsFlags {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

/** Adds the flags to a command that talks to nodes. */
export function withTlsOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--tls-cert <file>',
        'talk to nodes over TLS: the certificate (PEM), which names the host that others dial',
      ).env('LIMINAL_TLS_CERT'),
    )
    .addOption(new Option('--tls-key <file>', 'the private key of the certificate (PEM)').env('LIMINAL_TLS_KEY'))
    .addOption(
      new Option('--tls-ca <file>', 'the authority that the certificates of all nodes come from (PEM)').env(
        'LIMINAL_TLS_CA',
      ),
    );
}

/** @throws CliFailure where some are given, and not all. */
export function tlsFiles({ tlsCert, tlsKey, tlsCa }: TlsFlags): TlsFiles | undefined {
  if (tlsCert !== undefined && tlsKey !== undefined && tlsCa !== undefined) {
    return { certFile: tlsCert, keyFile: tlsKey, caFile: tlsCa };
  }
  const flags = { '--tls-cert': tlsCert, '--tls-key': tlsKey, '--tls-ca': tlsCa };
  const missing = Object.entries(flags).flatMap(([flag, file]) => (file === undefined ? [flag] : []));
  if (missing.length === 3) return undefined;
  throw new CliFailure(
    EXIT.usage,
    `TLS needs a certificate, its key and an authority; missing: ${missing.join(', ')}.`,
  );
}

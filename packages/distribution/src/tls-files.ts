/**
 * The certificate, the key and the authorities of a node, in files. They are looked at again for new connections,
 * at most once a second, so that a renewed certificate counts without a restart; connections that are up live on
 * with what they began with. Files that cannot be used, half-written for instance, change nothing and are logged.
 */
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { LiminalError, type Logger } from '@liminal-node/scheduler';

export interface TlsFiles {
  /** This node's certificate, and those between it and the authority, PEM. */
  readonly certFile: string;
  /** Its private key, PEM. */
  readonly keyFile: string;
  /** The authorities that certificates of peers must come from, PEM. No others are trusted. */
  readonly caFile: string;
}

/** What a secure connection is made with. */
export interface TlsCredentials {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/** The files cannot be read, or do not make a certificate with its key. */
export class TlsError extends LiminalError {
  readonly code = 'ERR_LIMINAL_TLS';
}

const LOOK_INTERVAL_MS = 1_000;

export class TlsCredentialFiles {
  readonly #files: TlsFiles;
  readonly #now: () => number;
  readonly #logger: Logger;
  #credentials: TlsCredentials;
  #seen: string;
  #lookedAt: number;

  /** @throws TlsError */
  constructor(files: TlsFiles, now: () => number, logger: Logger) {
    this.#files = files;
    this.#now = now;
    this.#logger = logger;
    this.#seen = stateOf(files);
    this.#credentials = readCredentials(files);
    this.#lookedAt = now();
  }

  /** What new connections use. The same object for as long as the files have not changed. */
  current(): TlsCredentials {
    const now = this.#now();
    if (now - this.#lookedAt < LOOK_INTERVAL_MS) return this.#credentials;
    this.#lookedAt = now;
    const state = stateOf(this.#files);
    if (state === this.#seen) return this.#credentials;
    this.#seen = state;
    try {
      this.#credentials = readCredentials(this.#files);
      this.#logger.info({ certFile: this.#files.certFile }, 'the changed TLS certificate is in use');
    } catch (error) {
      this.#logger.error({ error }, 'the changed TLS files cannot be used; the former certificate stays in use');
    }
    return this.#credentials;
  }
}

/** Equal for as long as nobody has written one of the files. */
function stateOf({ certFile, keyFile, caFile }: TlsFiles): string {
  return [certFile, keyFile, caFile]
    .map((file) => {
      const stats = statSync(file, { throwIfNoEntry: false });
      return stats === undefined ? 'missing' : `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
    })
    .join(', ');
}

function readCredentials({ certFile, keyFile, caFile }: TlsFiles): TlsCredentials {
  const credentials = { cert: read(certFile), key: read(keyFile), ca: read(caFile) };
  try {
    createSecureContext(credentials);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TlsError(
      `the TLS files ${certFile}, ${keyFile} and ${caFile} cannot be used: ${message}; they must be PEM, and the key that of the certificate`,
      { cause },
    );
  }
  return credentials;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TlsError(`the TLS file ${file} cannot be read: ${message}`, { cause });
  }
}

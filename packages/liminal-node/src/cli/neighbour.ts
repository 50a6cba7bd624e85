/**
 * The command that joins a second node, with a name and ports that are free on this machine.
 */
import { createServer } from 'node:net';
import type { TlsFiles } from '@liminal-node/distribution';
import { type Address, formatAddress, parseAddress } from './arguments.js';

export interface Joinable {
  readonly name: string;
  /** `host:port` as others dial it. */
  readonly listen: string;
  readonly http: string | null;
  /** What must be added so that the cookie is the same, for instance `--cookie-file /etc/liminal`. */
  readonly cookieFile?: string | undefined;
  readonly tls?: TlsFiles | undefined;
}

/** For a shell. A port that cannot be found free is given as 0, which picks one. */
export async function joinCommand({ name, listen, http, cookieFile, tls }: Joinable): Promise<string> {
  const seed = parseAddress(listen);
  const nodes = await freeAddress({ ...seed, port: seed.port + 1 });
  const page = http === null ? undefined : parseAddress(http);
  const pages = page && (await freeAddress({ ...page, port: page.port + 1 }, nodes.port));
  const words = [
    `--name ${neighbourName(name)}`,
    `--listen ${formatAddress(nodes)}`,
    `--http ${pages === undefined ? 'off' : formatAddress(pages)}`,
    `--seed ${listen}`,
    ...(cookieFile === undefined ? [] : [`--cookie-file ${quoted(cookieFile)}`]),
    ...(tls === undefined
      ? []
      : [`--tls-cert ${quoted(tls.certFile)} --tls-key ${quoted(tls.keyFile)} --tls-ca ${quoted(tls.caFile)}`]),
  ];
  return `npx liminal-node start ${words.join(' ')}`;
}

/** a → b, node7 → node8, and z or orders → with a 2 behind it. */
export function neighbourName(name: string): string {
  const at = name.indexOf('@');
  const [own, host] = [name.slice(0, at), name.slice(at)];
  if (/^[a-yA-Y]$/.test(own)) return `${String.fromCharCode(own.charCodeAt(0) + 1)}${host}`;
  const numbered = /^(.*?)(\d{1,9})$/.exec(own);
  return numbered === null ? `${own}2${host}` : `${numbered[1]}${Number(numbered[2]) + 1}${host}`;
}

const TRIES = 50;

async function freeAddress({ host, port }: Address, notPort?: number): Promise<Address> {
  for (let candidate = port; candidate < port + TRIES && candidate <= 65_535; candidate += 1) {
    if (candidate !== notPort && (await isFree(host, candidate))) return { host, port: candidate };
  }
  return { host, port: 0 };
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `word` for a POSIX shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

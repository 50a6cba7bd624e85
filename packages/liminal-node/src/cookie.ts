/**
 * The cookie: the secret that nodes of one cluster share. Whoever has it can do anything on every node.
 *
 * Where it comes from, the first that is set: the option `cookie`; the option `cookieFile`; `LIMINAL_COOKIE`;
 * the file named by `LIMINAL_COOKIE_FILE`; `~/.liminal/cookie`, which is made when it is not there, with
 * random content that starts with a mark, mode 0600, in a directory of mode 0700.
 *
 * - Two starts that race to make the file end with the same cookie: each writes a file of its own and links
 *   it to the name, which exactly one can do and which shows the whole content or nothing; then both read.
 * - A file that others may read is refused, because its content is no secret.
 * - A cookie that was made without anybody asking serves nodes on this machine. {@link checkCookieReach}
 *   refuses it for a node that listens beyond loopback.
 *
 * No error and no log line contains a cookie.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { LiminalError } from '@liminal-node/scheduler';

/** The cookie cannot be used, or cannot be used here. The message names the cause and the remedy. */
export class CookieError extends LiminalError {
  readonly code = 'ERR_LIMINAL_COOKIE';
}

export interface CookieOptions {
  /** The cookie itself. */
  readonly cookie?: string | undefined;
  /** A file that holds it; it must exist. White space around the cookie does not count. */
  readonly cookieFile?: string | undefined;
  /** Where `LIMINAL_COOKIE` and `LIMINAL_COOKIE_FILE` are looked up. @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The directory that holds `.liminal`. @default the user's home directory */
  readonly home?: string;
}

export interface Cookie {
  readonly value: string;
  /** Where it came from, for people: a variable, an option or a path. */
  readonly source: string;
  /** It was made by a start that was told of none, now or earlier. */
  readonly generated: boolean;
  /** It was made just now. */
  readonly fresh: boolean;
  /** The file that the user named, absolute; undefined for the default file and for a variable or an option. */
  readonly file?: string;
}

/** In characters. A cookie is proved by a hash that anybody who listens in can try guesses against. */
export const MIN_COOKIE_LENGTH = 16;
export const MAX_COOKIE_LENGTH = 1024;

/** What a cookie that was made silently starts with, so that it is known for what it is later. */
const GENERATED = 'generated-';

const OWN_COOKIE =
  'make one with "openssl rand -hex 32 > FILE && chmod 600 FILE" and give every node that file with --cookie-file, or its content in LIMINAL_COOKIE';

/**
 * Finds the cookie, or makes one where none is set.
 * @throws CookieError where a source is set but unusable; no other source is tried then.
 */
export async function resolveCookie(options: CookieOptions = {}): Promise<Cookie> {
  const { cookie, cookieFile, environment = process.env, home = homedir() } = options;
  const fromVariable = environment['LIMINAL_COOKIE'];
  const fileFromVariable = environment['LIMINAL_COOKIE_FILE'];
  if (cookie !== undefined) return given(cookie, 'the option cookie');
  if (cookieFile !== undefined) return fromFile(cookieFile);
  if (fromVariable !== undefined) return given(fromVariable, 'LIMINAL_COOKIE');
  if (fileFromVariable !== undefined) return fromFile(fileFromVariable);
  return defaultCookie(home);
}

/**
 * @param host where the node listens, or null where it accepts nobody.
 * @throws CookieError for a cookie that was made silently and a host that other machines can reach.
 */
export function checkCookieReach(cookie: Cookie, host: string | null): void {
  if (host === null || !cookie.generated || isLoopback(host)) return;
  throw new CookieError(
    `listening on ${host} lets other machines connect, but the cookie in ${cookie.source} was made silently for nodes on this machine; ${OWN_COOKIE}`,
  );
}

/** Whether only this machine can connect to `host`. A name counts only where it is `localhost`. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return (
    name === 'localhost' ||
    name === '::1' ||
    name === '[::1]' ||
    /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name)
  );
}

function given(text: string, source: string): Cookie {
  return { value: checked(text, source), source, generated: false, fresh: false };
}

async function fromFile(path: string): Promise<Cookie> {
  return { ...given(await readCookieFile(path), path), file: resolve(path) };
}

async function defaultCookie(home: string): Promise<Cookie> {
  const path = join(home, '.liminal', 'cookie');
  const fresh = !(await exists(path)) && (await createCookieFile(path));
  const value = checked(await readCookieFile(path), path);
  return { value, source: path, generated: value.startsWith(GENERATED), fresh };
}

function checked(text: string, source: string): string {
  const cookie = text.trim();
  if (cookie === '') throw new CookieError(`the cookie in ${source} is empty; ${OWN_COOKIE}`);
  if (cookie.length < MIN_COOKIE_LENGTH) {
    throw new CookieError(
      `the cookie in ${source} is too short to be a secret: it has ${cookie.length} characters, and at least ${MIN_COOKIE_LENGTH} are needed; ${OWN_COOKIE}`,
    );
  }
  if (cookie.length > MAX_COOKIE_LENGTH) {
    throw new CookieError(
      `the cookie in ${source} is longer than ${MAX_COOKIE_LENGTH} characters, so it is probably another file; ${OWN_COOKIE}`,
    );
  }
  return cookie;
}

async function readCookieFile(path: string): Promise<string> {
  try {
    const { mode, size } = await stat(path);
    // Windows has no such bits, and reports everybody's.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new CookieError(
        `the cookie file ${path} may be read by other users of this machine (its mode is ${(mode & 0o777).toString(8)}), so it is no secret; run: chmod 600 ${shellQuoted(path)}`,
      );
    }
    if (size > 64 * 1024) throw new CookieError(`the cookie file ${path} is too large to be a cookie; ${OWN_COOKIE}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof CookieError) throw error;
    throw new CookieError(`the cookie file ${path} cannot be read (${systemCause(error)}); ${OWN_COOKIE}`, {
      cause: error,
    });
  }
}

/** @returns whether this call made the file; false where another start was faster. */
async function createCookieFile(path: string): Promise<boolean> {
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await makeDirectory(dirname(path));
    try {
      await writeNewFile(draft, `${GENERATED}${randomBytes(32).toString('hex')}\n`);
      await link(draft, path);
      return true;
    } finally {
      await unlink(draft).catch(() => {});
    }
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new CookieError(
      `no cookie is set, and ${path} cannot be made (${systemCause(error)}); set LIMINAL_COOKIE, or name a file with --cookie-file`,
      { cause: error },
    );
  }
}

/** Not its parents: a home that does not exist is a mistake to tell, not to repair. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

async function writeNewFile(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => codeOf(error) !== 'ENOENT',
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function systemCause(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'there is no such file or directory';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    case 'EROFS':
      return 'the file system is read-only';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

function shellQuoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

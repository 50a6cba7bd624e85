/**
 * Parsers of flags and arguments. Each refuses with a sentence that shows what is right; commander puts the
 * flag or the variable and the refused text in front of it.
 */
import { isIPv6 } from 'node:net';
import { parseNodeName } from '@liminal-node/scheduler';
import { InvalidArgumentError } from 'commander';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port` or `[v6 address]:port`. A port of 0 asks for a free one, where `min` is 0. */
export function parseAddress(text: string, minPort = 0): Address {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) {
    const bare = isIPv6(text) || /:.*:/.test(text) ? ' Put an IPv6 address in brackets: [::1]:4370.' : '';
    throw new InvalidArgumentError(`Write HOST:PORT, for instance 127.0.0.1:4370.${bare}`);
  }
  const [, v6, name, digits] = match;
  const port = Number(digits);
  if (port < minPort || port > 65_535) {
    throw new InvalidArgumentError(`A port is a number from ${minPort} to 65535.`);
  }
  if (v6 !== undefined) {
    if (!isIPv6(v6)) throw new InvalidArgumentError('What is in the brackets is not an IPv6 address.');
    return { host: v6, port };
  }
  if (name === undefined || !isHost(name)) {
    throw new InvalidArgumentError('Its host is neither an IP address nor a host name.');
  }
  return { host: name, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function isHost(text: string): boolean {
  if (/^[\d.]+$/.test(text))
    return /^(\d{1,3}\.){3}\d{1,3}$/.test(text) && text.split('.').every((part) => +part < 256);
  return text.length <= 253 && /^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$/.test(text);
}

/** For `--listen` and `--http`: the text, checked, or `off`. */
export function listenAddress(text: string): string {
  return text === 'off' ? text : formatAddress(parseAddress(text));
}

/** For `--connect`. */
export function connectAddress(text: string): string {
  return formatAddress(parseAddress(text, 1));
}

/** For `--seed`, which may be repeated and may hold several addresses with commas between them. */
export function seedAddresses(text: string, before: readonly string[] = []): readonly string[] {
  const seeds = text.split(',').map((seed) => connectAddress(seed.trim()));
  return [...before, ...seeds];
}

export function nodeName(text: string): string {
  try {
    return parseNodeName(text);
  } catch {
    throw new InvalidArgumentError(
      'Write NAME@HOST, for instance a@127.0.0.1; the name has up to 64 letters, digits, _ and -.',
    );
  }
}

/** The name of a node, or where it listens. */
export function peerArgument(text: string): string {
  return text.includes('@') ? nodeName(text) : connectAddress(text);
}

/** For `--discover`, which may be repeated and may hold several sources with commas between them. */
export function discoverySources(text: string, before: readonly string[] = []): readonly string[] {
  const sources = text.split(',').map((source) => source.trim());
  const wrong = sources.find((source) => !/^(dns:[^:\s]+(:\d{1,5})?|srv:[^:\s]+)$/.test(source));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(`"${wrong}" is no source. Write dns:NAME, dns:NAME:PORT or srv:NAME.`);
  }
  return [...before, ...sources];
}

/** For `--allow`, which may be repeated and may hold several patterns with commas between them. */
export function namePatterns(text: string, before: readonly string[] = []): readonly string[] {
  const patterns = text.split(',').map((pattern) => pattern.trim());
  const wrong = patterns.find((pattern) => !/^[A-Za-z0-9.:_@*-]{1,255}$/.test(pattern));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(`"${wrong}" fits no name. Write node names, with * for anything: *@10.0.0.5.`);
  }
  return [...before, ...patterns];
}

/** The longest channel name, in bytes of UTF-8. */
const MAX_CHANNEL_BYTES = 255;

export function channelName(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes === 0 || bytes > MAX_CHANNEL_BYTES || /\p{Cc}/u.test(text)) {
    throw new InvalidArgumentError(
      `A channel's name has 1 to ${MAX_CHANNEL_BYTES} bytes and no control characters, for instance orders.`,
    );
  }
  return text;
}

/** A parser of whole numbers from `min` to `max`, both included. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
    return value;
  };
}

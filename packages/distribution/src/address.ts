/**
 * `host:port`, where a node listens. An IPv6 host stands in brackets: `[::1]:4000`. `formatAddress` of what
 * `parseAddress` gives is the one spelling of an address, by which addresses are compared.
 */

export interface Address {
  /** Without brackets, in lower case. */
  readonly host: string;
  /** From 1 to 65535; 0 only where to listen. */
  readonly port: number;
}

/** The longest spelling in bytes: a host name of 253, brackets, colon and port. */
export const MAX_ADDRESS_BYTES = 261;

const NAME_OR_IPV4 = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$/;
const IPV6 = /^[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,32})?$/;

/**
 * @param minPort 0 for an address to listen on, where port 0 is any that is free.
 * @throws TypeError that says what an address looks like.
 */
export function parseAddress(text: string, minPort = 1): Address {
  const colon = text.lastIndexOf(':');
  const portText = text.slice(colon + 1);
  const port = Number(portText);
  const given = text.slice(0, colon);
  const bracketed = given.startsWith('[') && given.endsWith(']');
  const host = bracketed ? given.slice(1, -1) : given;
  const isHost = bracketed ? IPV6.test(host) && host.includes(':') : NAME_OR_IPV4.test(host);
  if (
    text.length > MAX_ADDRESS_BYTES ||
    colon < 0 ||
    !isHost ||
    !/^\d{1,5}$/.test(portText) ||
    port < minPort ||
    port > 65_535
  ) {
    throw new TypeError(
      `"${text.slice(0, MAX_ADDRESS_BYTES)}" is not an address: write host:port, for instance 127.0.0.1:4000 or [::1]:4000`,
    );
  }
  return { host: host.toLowerCase(), port };
}

/** The address in its one spelling. */
export function formatAddress(address: Address): string {
  return formatHostAndPort(address.host, address.port);
}

/** `text` in its one spelling, or undefined where it is no address. */
export function canonicalAddress(text: string): string | undefined {
  try {
    return formatAddress(parseAddress(text));
  } catch {
    return undefined;
  }
}

/** For logs too, where the port may be 0. */
export function formatHostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * What others are told to dial: `host` as listened on, or, where that stands for all interfaces, the host part
 * of the node's name.
 */
export function advertisedAddress(host: string, port: number, nodeName: string): string {
  const everywhere = host === '0.0.0.0' || host === '::' || host === '';
  const named = nodeName.slice(nodeName.indexOf('@') + 1).replace(/^([^:]+):\d+$/, '$1');
  return formatHostAndPort(everywhere ? named : host, port).toLowerCase();
}

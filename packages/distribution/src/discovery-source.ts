/**
 * Where to ask for nodes: `dns:NAME` or `dns:NAME:PORT` for each address of a host, `srv:NAME` for each record of a
 * service, with its host and port.
 */
import { canonicalAddress, parseAddress } from './address.js';
import type { Resolver } from './resolver.js';

export type DiscoverySource =
  | { readonly type: 'dns'; readonly name: string; readonly port: number }
  | { readonly type: 'srv'; readonly name: string };

/** Where a node listens that was told no port. */
const DEFAULT_PORT = 4_370;

const SERVICE_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$/;

/** @throws TypeError that says what a source looks like. */
export function parseDiscoverySource(text: string): DiscoverySource {
  const [, type, rest = ''] = /^(dns|srv):(.*)$/s.exec(text) ?? [];
  if (type === 'srv' && SERVICE_NAME.test(rest)) return { type, name: rest };
  if (type === 'dns') {
    const address = canonicalAddress(rest.includes(':') ? rest : `${rest}:${DEFAULT_PORT}`);
    if (address !== undefined) {
      const { host, port } = parseAddress(address);
      return { type, name: host, port };
    }
  }
  throw new TypeError(
    `"${text.slice(0, 300)}" is nowhere to ask for nodes: write dns:NAME, dns:NAME:PORT or srv:NAME, for instance dns:shop.internal:4370`,
  );
}

/** The addresses there are now, as the resolver says them; see `Resolver` for how it rejects. */
export async function resolveSource(
  source: DiscoverySource,
  resolver: Resolver,
  signal: AbortSignal,
): Promise<readonly { readonly host: string; readonly port: number }[]> {
  if (source.type === 'srv') return resolver.services(source.name, signal);
  const addresses = await resolver.addresses(source.name, signal);
  return addresses.map((host) => ({ host, port: source.port }));
}

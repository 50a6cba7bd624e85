/** The domain name system, by `node:dns`. */
import { ADDRCONFIG, type LookupAddress } from 'node:dns';
import { Resolver as DnsClient, lookup } from 'node:dns/promises';
import { systemEnvironment } from '@liminal-node/scheduler';
import { createHostLookup, type HostLookup } from './host-lookup.js';
import type { Resolver, Service } from './resolver.js';

/** Milliseconds for a server to answer a question, and how often each is asked. */
const QUESTION = { timeout: 2_000, tries: 2 };

/** @param servers `ip:port` of those to ask, and of nobody else. @default those of the machine, after its own look-up */
export function createDnsResolver(servers?: readonly string[]): Resolver {
  /** A client of its own for each question, because to cancel one cancels all that it asks. */
  async function ask<T>(signal: AbortSignal, question: (client: DnsClient) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const client = new DnsClient(QUESTION);
    if (servers !== undefined) client.setServers(servers);
    const cancel = (): void => client.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await question(client);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  const direct: HostLookup = (name, signal) =>
    ask(signal, async (client) => {
      const [v4, v6] = await Promise.allSettled([client.resolve4(name), client.resolve6(name)]);
      const found = [v4, v6].flatMap((family) => (family.status === 'fulfilled' ? family.value : []));
      if (found.length === 0 && v4.status === 'rejected') throw v4.reason;
      return found;
    });
  const system = async (name: string): Promise<readonly string[]> =>
    (await lookup(name, { all: true, hints: ADDRCONFIG })).map(({ address }) => address);

  return {
    addresses: servers === undefined ? createHostLookup({ system, direct, environment: systemEnvironment }) : direct,
    services: (name, signal) =>
      ask(signal, async (client) =>
        (await client.resolveSrv(name)).map(({ name: host, port }): Service => ({ host, port })),
      ),
  };
}

export const systemResolver = createDnsResolver();

type LookupCallback = (error: NodeJS.ErrnoException | null, found: string | LookupAddress[], family?: number) => void;

const NEVER = new AbortController().signal;

/** For the sockets of `node:net`, in the place of `dns.lookup`. The deadline is that of whoever dials. */
export function socketLookup(
  name: string,
  { all = false }: { readonly all?: boolean | undefined },
  callback: LookupCallback,
): void {
  systemResolver.addresses(name, NEVER).then(
    (addresses) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      const [first] = found;
      if (all) callback(null, found);
      else if (first === undefined)
        callback(Object.assign(new Error(`${name} has no address`), { code: 'ENOTFOUND' }), '');
      else callback(null, first.address, first.family);
    },
    (error: NodeJS.ErrnoException) => callback(error, all ? [] : ''),
  );
}

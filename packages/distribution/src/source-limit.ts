/**
 * How often one source may fail before it has to wait: a leaky bucket for each, which a failure fills and a second
 * empties. So whoever guesses at a cookie tries a bounded number of times a second, and a node with the right one
 * at the same address is kept out only while somebody guesses there.
 *
 * A source is the host of an address; of IPv6 the network of 64 bits, of which one host has every address.
 */

/** Sources remembered; a new one beyond pushes out the one that failed longest ago. */
const MAX_SOURCES = 1_024;

interface Bucket {
  readonly level: number;
  readonly at: number;
}

export class SourceLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Sources that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** @param remoteAddress `host:port`, here and below. */
  admits(remoteAddress: string, now: number): boolean {
    const source = sourceOf(remoteAddress);
    const level = this.#levelOf(source, now);
    if (level === 0) this.#buckets.delete(source);
    return level <= this.#perSecond - 1;
  }

  failed(remoteAddress: string, now: number): void {
    const source = sourceOf(remoteAddress);
    const level = this.#levelOf(source, now) + 1;
    this.#buckets.delete(source);
    this.#buckets.set(source, { level, at: now });
    if (this.#buckets.size <= MAX_SOURCES) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      break;
    }
  }

  #levelOf(source: string, now: number): number {
    const bucket = this.#buckets.get(source);
    return bucket === undefined ? 0 : Math.max(0, bucket.level - ((now - bucket.at) / 1_000) * this.#perSecond);
  }
}

/** What of a remote address counts as one source. */
export function sourceOf(remoteAddress: string): string {
  const host = remoteAddress.slice(0, remoteAddress.lastIndexOf(':')).replace(/^\[|\]$|%.*$/g, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped !== undefined || !host.includes(':')) return mapped ?? host;
  const [head = '', tail] = host.split('::');
  const groups = head === '' ? [] : head.split(':');
  // A gap stands for as many zeros as are missing.
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  const all = [...groups, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...(tail?.split(':') ?? [])];
  return `${all.slice(0, 4).join(':')}::/64`;
}

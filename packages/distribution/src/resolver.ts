/** What distribution needs of the domain name system; `dns-resolver.ts` is the one of the machine. */

export interface Service {
  readonly host: string;
  readonly port: number;
}

/**
 * Both reject with an error that has the system's `code`, for instance ENOTFOUND, and when `signal` aborts: then at
 * once, and with whatever they have begun given up.
 */
export interface Resolver {
  /** The IP addresses of a host, of both families. */
  addresses(name: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The SRV records of a service. */
  services(name: string, signal: AbortSignal): Promise<readonly Service[]>;
}

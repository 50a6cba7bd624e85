/**
 * The addresses of a host, also while the system's own look-up hangs.
 *
 * The system is asked first: it knows `/etc/hosts`, search domains and caches. But its look-ups share few threads, so
 * one name whose server says nothing holds up all others. So where it takes long, the name's server is asked directly
 * as well, and the first that has addresses counts; and one name is looked up by the system once at a time.
 */
import type { Environment } from '@liminal-node/scheduler';

export interface HostLookupOptions {
  readonly system: (name: string) => Promise<readonly string[]>;
  readonly direct: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
  readonly environment: Pick<Environment, 'setTimer'>;
}

/** How long the system may take alone. */
const PATIENCE_MS = 500;

export type HostLookup = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/** Rejects as the system does, or as the direct question where the system does not answer; and when `signal` aborts. */
export function createHostLookup({ system, direct, environment }: HostLookupOptions): HostLookup {
  const underWay = new Map<string, Promise<readonly string[]>>();
  const askSystem = (name: string): Promise<readonly string[]> => {
    const asked =
      underWay.get(name) ??
      system(name).finally(() => {
        underWay.delete(name);
      });
    underWay.set(name, asked);
    return asked;
  };

  return (name, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const giveUp = new AbortController();
      let open = 1;
      const settle = <T>(how: (value: T) => void, value: T): void => {
        timer.cancel();
        signal.removeEventListener('abort', abort);
        how(value);
        giveUp.abort();
      };
      const abort = (): void => settle(reject, signal.reason);
      const failed = (error: unknown): void => {
        open--;
        if (open === 0) settle(reject, error);
      };
      const timer = environment.setTimer(PATIENCE_MS, () => {
        open++;
        direct(name, giveUp.signal).then((addresses) => settle(resolve, addresses), failed);
      });
      signal.addEventListener('abort', abort, { once: true });
      askSystem(name).then((addresses) => settle(resolve, addresses), failed);
    });
}

/**
 * Connecting to a peer while the node runs, for callers who wait. Distribution dials for ever and tells nobody of a
 * dial that failed, so its list of peers is looked at for as long as somebody waits.
 */
import { canonicalAddress, type Distribution, type KnownPeer } from '@liminal-node/distribution';
import type { Environment, NodeName, Timer } from '@liminal-node/scheduler';
import { ConnectError } from './connect-error.js';

export interface ConnectOptions {
  /** Milliseconds to wait for the connection. @default 5000 */
  readonly timeoutMs?: number;
  /** Ends the waiting, not the dialling. */
  readonly signal?: AbortSignal;
}

const LOOK_INTERVAL_MS = 5;

/** See `LiminalNode.connect`. */
export async function connectTo(
  distribution: Distribution,
  peer: string,
  { timeoutMs = 5_000, signal }: ConnectOptions,
  environment: Environment,
): Promise<NodeName> {
  signal?.throwIfAborted();
  if (peer === distribution.name) return distribution.name;
  distribution.connect(peer);
  const address = canonicalAddress(peer);
  const isMeant = (known: KnownPeer): boolean =>
    address === undefined ? known.node === peer : known.address === address;
  const deadline = environment.now() + timeoutMs;
  for (;;) {
    const connected = address === undefined ? distribution.session(peer as NodeName)?.node : undefined;
    if (connected !== undefined) return connected;
    const known = distribution.peers().filter(isMeant);
    if (known.some(({ state }) => state === 'self')) return distribution.name;
    const met = known.find(({ state }) => state === 'connected')?.node;
    if (met !== undefined) return met;
    const failure = failureOf(peer, known);
    if (failure !== undefined) throw failure;
    if (environment.now() >= deadline) throw new ConnectError(`${peer} did not answer within ${timeoutMs} ms`);
    await pause(environment, signal);
  }
}

/** Why it is of no use to wait, if so: each address has been tried and has failed, or there is none. */
function failureOf(peer: string, known: readonly KnownPeer[]): ConnectError | undefined {
  if (known.length === 0) {
    return new ConnectError(
      `it is not known where ${peer} listens: connect to its address, for instance 10.0.0.5:4370`,
    );
  }
  // A crossing that was lost to the peer's own dial is about to be a connection.
  if (known.some(({ lastFailure }) => lastFailure === undefined || lastFailure === 'duplicate')) return undefined;
  const tried = known.map(({ address, lastFailure }) => `${address} (${lastFailure})`).join(', ');
  return new ConnectError(`cannot connect to ${peer}: ${tried}; it is dialled again until it is disconnected`);
}

/** @throws the signal's reason. */
function pause(environment: Environment, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const abort = (): void => {
      timer?.cancel();
      reject(signal?.reason);
    };
    timer = environment.setTimer(LOOK_INTERVAL_MS, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}

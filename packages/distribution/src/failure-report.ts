/**
 * Handshakes that failed: each is counted with its reason, and said to the operator once a minute for each
 * place that it came from, because a wrong cookie or a port scan repeats itself.
 */
import type { Logger, NodeName } from '@liminal-node/scheduler';
import { count, type DistributionCounters } from './counters.js';
import type { Failure } from './handshake.js';
import type { HandshakeRun } from './handshake-run.js';
import { LogLimiter } from './log-limiter.js';

export class FailureReport {
  readonly #self: NodeName;
  readonly #counters: DistributionCounters;
  readonly #logger: Logger;
  readonly #limiter = new LogLimiter();

  constructor(self: NodeName, counters: DistributionCounters, logger: Logger) {
    this.#self = self;
    this.#counters = counters;
    this.#logger = logger;
  }

  note(run: HandshakeRun, failure: Failure, now: number): void {
    this.#count(run, failure);
    const { by, code, text, peer } = failure;
    const remoteAddress = run.dialled ?? run.connection?.remoteAddress ?? 'unknown';
    const fields = { node: this.#self, peer: peer?.name, remoteAddress, refusedBy: by, code };
    const message = `no connection with ${peer?.name ?? remoteAddress}: ${text}`;
    // The accepted side's port is another one each time.
    const place = run.dialled ?? remoteAddress.slice(0, remoteAddress.lastIndexOf(':'));
    if (isExpected(run, code) || (by === 'us' && code === 'apart')) this.#logger.debug(fields, message);
    else if (this.#limiter.allows(`${place} ${by} ${code}`, now)) this.#logger.warn(fields, message);
  }

  #count(run: HandshakeRun, { by, code, peer }: Failure): void {
    const { dialsFailed, handshakesRefused, handshakesRefusedByPeer } = this.#counters;
    if (by === 'peer') count(handshakesRefusedByPeer, code);
    else if (run.dialled !== undefined && peer === undefined && isNetwork(code)) count(dialsFailed, code);
    else count(handshakesRefused, code);
  }
}

const ORDINARY = new Set(['duplicate', 'leaving', 'self', 'disconnected']);

/** Part of the ordinary course, as is whom this node holds apart: a crossing, a node that leaves, a node among its own seeds, a dialler that thought better. */
function isExpected(run: HandshakeRun, code: string): boolean {
  return ORDINARY.has(code) || (run.dialled === undefined && isNetwork(code));
}

/** Whether a handshake's end was the network's doing: an operating system's code, or a close without a word. */
function isNetwork(code: string): boolean {
  return code === 'closed' || /^E[A-Z_]+$/.test(code);
}

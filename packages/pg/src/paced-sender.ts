/**
 * Sends to peers without filling their queues: a membership may be larger than distribution's control queue,
 * whose overflow takes the session down, and it would be as large again on the next session.
 *
 * 1. Frames go to distribution at once, until one session has been given `burstBytes` since it was last flushed.
 * 2. From then on its frames are held here, in order, until distribution has flushed that session.
 * 3. What is held goes out in the same way, before anything newer.
 *
 * More than `maxHeldBytes` for one session are not held: what comes then is dropped and counted. Nothing else loses
 * a frame between two nodes while their session lives, so that no loss goes unnoticed here: once there is room again,
 * `lost` is told, behind all that was held. Frames held for a session that went down go with it.
 */
import type { DistributionPort, PgSession } from './port.js';

interface HeldFrame {
  readonly type: number;
  readonly body: Uint8Array;
}

/** How one session stands. */
interface Pace {
  sentBytes: number;
  /** Undefined while frames go out at once. */
  held: HeldFrame[] | undefined;
  heldBytes: number;
  hasLost: boolean;
}

export interface SendCounts {
  queued(): void;
  refused(reason: 'not queued' | 'session gone'): void;
  /** Frames for that session were dropped, and what is sent now goes out. */
  lost(session: PgSession): void;
}

export class PacedSender {
  readonly #distribution: DistributionPort;
  readonly #burstBytes: number;
  readonly #maxHeldBytes: number;
  readonly #counts: SendCounts;
  #paces = new WeakMap<PgSession, Pace>();

  constructor(distribution: DistributionPort, burstBytes: number, maxHeldBytes: number, counts: SendCounts) {
    this.#distribution = distribution;
    this.#burstBytes = burstBytes;
    this.#maxHeldBytes = maxHeldBytes;
    this.#counts = counts;
  }

  send(session: PgSession, type: number, body: Uint8Array): void {
    let pace = this.#paces.get(session);
    if (pace === undefined) {
      pace = { sentBytes: 0, held: undefined, heldBytes: 0, hasLost: false };
      this.#paces.set(session, pace);
    }
    if (pace.held === undefined) {
      this.#sendNow(session, pace, { type, body });
    } else if (pace.heldBytes + body.length <= this.#maxHeldBytes) {
      pace.heldBytes += body.length;
      pace.held.push({ type, body });
    } else {
      pace.hasLost = true;
      this.#counts.refused('not queued');
    }
  }

  /** Forgets what is held: what is sent next must need nothing of it. */
  dropHeld(): void {
    this.#paces = new WeakMap();
  }

  #sendNow(session: PgSession, pace: Pace, { type, body }: HeldFrame): void {
    const outcome = this.#distribution.send(session, type, body, 'control');
    if (outcome === 'gone') this.#counts.refused('session gone');
    else if (outcome === 'dropped') this.#counts.refused('not queued');
    else this.#counts.queued();
    pace.sentBytes += body.length;
    if (pace.sentBytes < this.#burstBytes) return;
    pace.held = [];
    const resume = (): void => this.#resume(session, pace);
    void this.#distribution.flush([session]).then(resume, resume);
  }

  #resume(session: PgSession, pace: Pace): void {
    if (this.#paces.get(session) !== pace) return;
    const waiting = pace.held ?? [];
    pace.sentBytes = 0;
    pace.held = undefined;
    pace.heldBytes = 0;
    for (const { type, body } of waiting) this.send(session, type, body);
    if (!pace.hasLost || pace.held !== undefined) return;
    pace.hasLost = false;
    this.#counts.lost(session);
  }
}

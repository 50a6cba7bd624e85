/**
 * Carries out what `overlapping-partitions.ts` decides for one node: tells peers what it misses (MISSING), ends sessions,
 * refuses who is held apart, and keeps the time. With nobody missed there is no timer.
 *
 * Hidden nodes are no part of it: they are told nothing, and what they say counts for nothing.
 */
import type { NodeName, Timer } from '@liminal-node/scheduler';
import { count, type DistributionCounters } from './counters.js';
import { FrameType } from './frame-type.js';
import type { LiveSession } from './live-session.js';
import { decodeMissing, encodeMissing } from './missing-message.js';
import type { DistributionSettings } from './options.js';
import { type Absence, OverlappingPartitions } from './overlapping-partitions.js';
import { setPatientTimer } from './patience.js';
import type { Session } from './session.js';

/** Why a session goes down that is shed. */
export const PARTED = 'overlapping partitions';

export interface PartitionGuardOptions {
  readonly settings: DistributionSettings;
  readonly counters: DistributionCounters;
  readonly sessions: () => readonly LiveSession[];
  /** Nodes that this one would take and has no session with. */
  readonly absent: () => Absence;
  readonly end: (session: LiveSession, text: string) => void;
  readonly dial: (node: NodeName) => void;
}

export class PartitionGuard {
  readonly #options: PartitionGuardOptions;
  readonly #partitions: OverlappingPartitions;
  #timer: Timer | undefined;
  #stepping = false;
  #stopped = false;

  constructor(options: PartitionGuardOptions) {
    this.#options = options;
    this.#partitions = new OverlappingPartitions(options.settings.overlapAfterMs);
  }

  /** Why that node is not taken; undefined where it is. */
  refusalOf(node: NodeName): string | undefined {
    const kept = this.#partitions.apartFor(node);
    return kept === undefined ? undefined : `${node} and ${kept} cannot reach each other, and ${kept} stays`;
  }

  up(session: Session): void {
    if (session.hidden || !this.#isOn) return;
    this.#partitions.up(session.node);
    const { node } = session;
    const { missed, apart } = this.#partitions.told;
    if (missed.length + apart.length > 0) this.#tell(this.#options.sessions().filter((each) => each.node === node));
    this.step();
  }

  down(session: Session): void {
    if (session.hidden || !this.#isOn) return;
    this.#partitions.down(session.node);
    this.step();
  }

  /** @throws ProtocolError */
  reported(session: LiveSession, body: Uint8Array): void {
    const absence = decodeMissing(body);
    if (session.hidden || !this.#isOn) return;
    this.#partitions.reported(session.node, absence);
    this.step();
  }

  /** To be called after each change of who is absent. */
  step(): void {
    if (!this.#isOn || this.#stepping) return;
    const { settings, counters, sessions, absent, end, dial } = this.#options;
    const now = settings.environment.now();
    const { tell, shed, freed, nextAt } = this.#partitions.step(now, absent());
    // What is done here brings sessions down, which is another step, after this one.
    this.#stepping = true;
    if (tell !== undefined) this.#tell(sessions());
    for (const { node, missedBy } of shed) {
      const session = sessions().find((each) => each.node === node);
      if (session === undefined) continue;
      count(counters.parted, 'shed');
      const fields = { node: settings.name, peer: node, kept: missedBy };
      settings.logger.warn(fields, `${node} and ${missedBy} cannot reach each other: this node keeps ${missedBy}`);
      end(session, `${PARTED}: ${this.refusalOf(node)}`);
    }
    for (const node of freed) {
      count(counters.parted, 'taken again');
      settings.logger.info({ node: settings.name, peer: node }, `${node} is no longer held apart`);
      dial(node);
    }
    this.#stepping = false;
    if (shed.length > 0) this.step();
    else this.#wakeAt(nextAt, now);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  get #isOn(): boolean {
    const { preventOverlappingPartitions, hidden } = this.#options.settings;
    return preventOverlappingPartitions && !hidden && !this.#stopped;
  }

  #tell(sessions: readonly LiveSession[]): void {
    const body = encodeMissing(this.#partitions.told);
    for (const session of sessions) if (!session.hidden) session.send(FrameType.MISSING, body, 'control');
  }

  #wakeAt(at: number | undefined, now: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at === undefined) return;
    const { environment } = this.#options.settings;
    // After a stall of our own, what peers have said meanwhile is read first.
    this.#timer = setPatientTimer(environment, Math.max(1, at - now), () => this.step());
  }
}

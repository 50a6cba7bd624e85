/**
 * Which local processes subscribe to which channel. A process may subscribe to a channel several times and
 * is given each envelope once. A dead process subscribes to nothing.
 */
import type { AnyPid, Audience, Pid } from '@liminal-node/scheduler';

interface ChannelEntry {
  readonly audience: Audience;
  /** Those of them that are told of gaps. */
  readonly gaps: Audience;
  /** How often each process has subscribed. */
  readonly counts: Map<Pid, number>;
}

export class Subscriptions {
  readonly #channels = new Map<string, ChannelEntry>();
  readonly #byProcess = new Map<Pid, Set<string>>();
  readonly #createAudience: () => Audience;

  constructor(createAudience: () => Audience) {
    this.#createAudience = createAudience;
  }

  get channels(): IterableIterator<string> {
    return this.#channels.keys();
  }

  /** Subscribing processes, once for each of their channels. */
  get size(): number {
    let size = 0;
    for (const { counts } of this.#channels.values()) size += counts.size;
    return size;
  }

  audience(channel: string): Audience | undefined {
    return this.#channels.get(channel)?.audience;
  }

  /** Who is told what is missing in the channel. */
  gapAudience(channel: string): Audience | undefined {
    const gaps = this.#channels.get(channel)?.gaps;
    return gaps === undefined || gaps.size === 0 ? undefined : gaps;
  }

  /** Whether the process subscribes to anything. */
  has(pid: Pid): boolean {
    return this.#byProcess.has(pid);
  }

  /** @param gaps tell it of gaps, from now on. @returns true where the process did not subscribe to the channel before. */
  add(channel: string, pid: Pid, gaps = false): boolean {
    const entry = this.#channels.get(channel) ?? this.#addChannel(channel);
    const count = entry.counts.get(pid) ?? 0;
    entry.counts.set(pid, count + 1);
    if (gaps) entry.gaps.add(pid);
    if (count > 0) return false;
    entry.audience.add(pid);
    const channels = this.#byProcess.get(pid) ?? new Set();
    this.#byProcess.set(pid, channels.add(channel));
    return true;
  }

  /** @returns true where that was the process's last subscription to the channel. */
  remove(channel: string, pid: Pid): boolean {
    const entry = this.#channels.get(channel);
    const count = entry?.counts.get(pid);
    if (entry === undefined || count === undefined) return false;
    if (count > 1) {
      entry.counts.set(pid, count - 1);
      return false;
    }
    this.#forget(channel, entry, pid);
    return true;
  }

  /** Ends all subscriptions of a process. @returns the channels that it subscribed to. */
  removeProcess(pid: AnyPid): readonly string[] {
    const channels = [...(this.#byProcess.get(pid as Pid) ?? [])];
    for (const channel of channels) {
      const entry = this.#channels.get(channel);
      if (entry !== undefined) this.#forget(channel, entry, pid as Pid);
    }
    return channels;
  }

  #addChannel(channel: string): ChannelEntry {
    const entry = { audience: this.#createAudience(), gaps: this.#createAudience(), counts: new Map() };
    this.#channels.set(channel, entry);
    return entry;
  }

  #forget(channel: string, entry: ChannelEntry, pid: Pid): void {
    entry.counts.delete(pid);
    entry.audience.delete(pid);
    entry.gaps.delete(pid);
    if (entry.counts.size === 0) this.#channels.delete(channel);
    const channels = this.#byProcess.get(pid);
    channels?.delete(channel);
    if (channels?.size === 0) this.#byProcess.delete(pid);
  }
}

/** In a cluster at rest everything arrives: each process publishes on every channel and sends to some others. */
import type { Pid } from '@liminal-node/scheduler';
import type { Actor } from './actors.js';
import type { Cluster } from './cluster.js';
import { isAlive } from './quiet.js';
import { CHANNELS } from './schedule.js';

/** What must be heard: who, of whom, how many numbers. */
export interface Expected {
  readonly by: Actor;
  readonly of: Actor;
  readonly publishes: number;
  readonly messages: number;
}

/** Between one process and the next, so that no budget is used up. */
const PACE_MS = 12;

/** So many others each sends to. */
const OTHERS = 2;

/** Has every process say something. @returns who must hear of whom. */
export function lastWords(cluster: Cluster): readonly Expected[] {
  const { actors, living, timeline, loop } = cluster;
  const speakers = [...actors.values()].filter((actor) => isAlive(actor, living));
  const expected: Expected[] = [];
  for (const [at, of] of speakers.entries()) {
    const to: Pid[] = [];
    for (const [place, by] of speakers.entries()) {
      const messages = by !== of && (place - at + speakers.length) % speakers.length <= OTHERS ? 1 : 0;
      if (messages > 0) to.push(by.pid);
      const publishes = CHANNELS.filter((channel) => (by.subscribed.get(channel) ?? 0) > 0).length;
      if (publishes + messages > 0) expected.push({ by, of, publishes, messages });
    }
    timeline.after(at * PACE_MS, loop, () => {
      for (const { by } of expected.filter((each) => each.of === of)) by.lately.delete(of.pid);
      of.life.scheduler.send(of.pid, { say: to });
    });
  }
  return expected;
}

/** The first that was not heard. */
export function unheard({ living }: Cluster, expected: readonly Expected[]): string | undefined {
  for (const { by, of, publishes, messages } of expected) {
    if (!isAlive(by, living) || !isAlive(of, living)) continue;
    const heard = by.lately.get(of.pid) ?? { publishes: 0, messages: 0 };
    if (heard.publishes < publishes)
      return `${by.pid} is given ${heard.publishes} of ${publishes} publishes of ${of.pid}`;
    if (heard.messages < messages) return `${by.pid} does not hear ${of.pid}`;
  }
  return undefined;
}

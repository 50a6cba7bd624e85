/**
 * The books of a simulated cluster: what each session took, handed over, dropped and may have delivered, against what
 * came at the other end; and messages that processes sent against those that others heard, and the drops that were counted.
 */
import { publicationsIn } from '@liminal-node/channels';
import { FrameType, type MembershipEvent } from '@liminal-node/distribution';
import { messagesIn } from '@liminal-node/scheduler';
import type { Cluster } from './cluster.js';
import type { Network, Wire } from './network.js';
import { isAlive } from './quiet.js';
import type { End } from './wire.js';

/** Signals that are messages, by their first byte: to a pid, to a name, offered, in a block. */
const MESSAGES = new Set([1, 2, 9, 17]);

/** Messages of the data lane in a frame, the loss of which is counted. */
export function dataIn(type: number, body: Uint8Array): number {
  if (type === FrameType.PUBLISH) return 1;
  if (type === FrameType.PUBLISH_BLOCK) return publicationsIn(body);
  return type === FrameType.SIGNAL && MESSAGES.has(body[0] ?? 0) ? messagesIn(body) : 0;
}

/** What is wrong with the end of a session: its books, or the verdict that ended it. */
export function faultOfDown(network: Network, end: End | undefined, event: MembershipEvent): string | undefined {
  if (event.type === 'up') return undefined;
  const { session, reason } = event;
  const { queued, written, dropped, uncertain } = session.traffic;
  if (queued !== written + dropped + uncertain) {
    return `took ${queued} messages for ${session.node}, and says ${written} written, ${dropped} dropped, ${uncertain} uncertain`;
  }
  const isVerdict = reason === 'silent' || reason === 'no sign of life';
  if (isVerdict && end !== undefined && network.towards(end)?.hasUnread === true) {
    return `calls ${session.node} ${reason} while bytes of it are unread`;
  }
  return undefined;
}

/** In a cluster at rest: everything that is up has delivered all that it took. */
export function restingBooks({ network, living }: Cluster): string | undefined {
  const current = new Set(living.flatMap(({ up }) => [...up.values()]));
  for (const wire of network.carried) {
    const { dialler, acceptor } = wire;
    for (const [from, to] of [
      [dialler, acceptor],
      [acceptor, dialler],
    ]) {
      if (from?.session === undefined || to?.session === undefined) continue;
      const { queued, written, uncertain } = from.session.traffic;
      const name = `the session of ${to.session.node} with ${from.session.node}`;
      // A life that has crashed did not close its books: a write may have been under way.
      const most = from.session.up && !current.has(from.session) ? queued : written + uncertain;
      if (to.dataReceived > most) return `${name} has handed over ${written}, and ${to.dataReceived} came`;
      const isUp = current.has(from.session) && current.has(to.session);
      if (isUp && (queued !== written || written !== to.dataReceived)) {
        return `${name} took ${queued} messages and wrote ${written}, and ${to.dataReceived} came`;
      }
    }
  }
  return undefined;
}

/** Frames that were handed over and did not come: lost on the way, or read by nobody. */
function lostUnderWay(wires: Iterable<Wire>): number {
  let lost = 0;
  for (const { dialler, acceptor } of wires) {
    for (const [from, to] of [
      [dialler, acceptor],
      [acceptor, dialler],
    ]) {
      const { written = 0, uncertain = 0 } = from?.session?.traffic ?? {};
      lost += Math.max(0, written + uncertain - (to?.dataReceived ?? 0));
    }
  }
  return lost;
}

/**
 * Messages to processes that live which they did not hear and nobody counted, where all nodes and threads have lived
 * throughout: those alone can be asked. What is in a mailbox goes with its process.
 */
export async function uncountedLosses({ network, living, plan, actors }: Cluster): Promise<string | undefined> {
  if (plan.steps.some((step) => step.do === 'crash' || step.do === 'stop' || step.do === 'loseThread'))
    return undefined;
  let counted = lostUnderWay(network.ended) + lostUnderWay(network.wires);
  for (const { scheduler, distribution } of living) {
    const threads = await scheduler.inspect();
    for (const drops of [...threads.map(({ counters }) => counters.dropped), distribution.counters.dropped]) {
      for (const count of Object.values(drops)) counted += count;
    }
  }
  let lost = 0;
  for (const actor of actors.values()) if (isAlive(actor, living)) lost += actor.sentTo - actor.told;
  return lost > counted ? `${lost} messages were not heard, and ${counted} were counted as lost` : undefined;
}

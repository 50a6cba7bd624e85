/**
 * Where distribution meets the scheduler: signals between processes travel as SIGNAL frames, and the end of a
 * session ends the links and monitors across it.
 *
 * A signal that must be delivered either is queued or takes the session down, and `nodeDown` is the answer
 * then. A message over the budget is dropped and counted. Each process is a flow of its own,
 * so a notice of the node waits until all flows have been written as far as they were. A signal for another life of
 * the node is refused here.
 */
import { flowOfSignal, isSpawn, messagesIn, type SignalEndpoint } from '@liminal-node/scheduler';
import type { Distribution } from './distribution.js';
import { FrameType } from './frame-type.js';

/** The flow of what no process sends. */
const NODE_FLOW = 0;

export function connectSignals(distribution: Distribution, endpoint: SignalEndpoint): void {
  endpoint.setRemote({
    send(node, creation, signal, mustDeliver) {
      const session = distribution.session(node);
      if (session === undefined || (creation !== 0 && session.creation !== creation)) return false;
      if (!session.takesSpawns && isSpawn(signal)) return false;
      const lane = mustDeliver ? 'signal' : 'data';
      const outcome = distribution.send(
        session,
        FrameType.SIGNAL,
        signal,
        lane,
        flowOfSignal(signal),
        messagesIn(signal),
      );
      return outcome === 'queued';
    },
    broadcast(notice) {
      for (const session of distribution.sessions()) {
        void distribution
          .flush([session])
          .then(() => distribution.send(session, FrameType.SIGNAL, notice, 'signal', NODE_FLOW));
      }
    },
  });
  distribution.onFrame(FrameType.SIGNAL, (session, body) => {
    endpoint.receiveRemote(session.node, session.creation, body);
  });
  distribution.onMembership('signals', (event) => {
    if (event.type === 'down') endpoint.nodeDown(event.session.node, event.session.creation);
  });
}

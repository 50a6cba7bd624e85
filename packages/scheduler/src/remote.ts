/**
 * The port between the scheduler and whatever connects nodes. Distribution fills it; without it, a send to
 * another node is dropped and counted, and a link or monitor there answers `noconnection`.
 *
 * A signal crosses as the bytes of `signal-codec.ts`. They name processes by thread and serial alone: node
 * and creation are those of the session that carries them, so that a peer cannot speak for a third node and
 * a signal cannot reach another life of a node.
 */
import type { AnyBytes } from './encoding/long-bytes.js';
import type { NodeName } from './pid.js';

export interface RemotePort {
  /**
   * Takes one encoded signal for a node. Never blocks, never throws. The bytes may be lent: who goes on referring to them
   * holds them (`hold`, `letGo` in `encoding/long-bytes.ts`).
   * @param creation the life of the node that is meant, or 0 for whichever is connected.
   * @param mustDeliver false for messages, which may be dropped over a budget; true for links, monitors and
   *   exits: where those cannot be queued the connection ends, and that is the signal.
   * @returns false where there is no such session, so that the sender's side answers `noconnection`.
   */
  send(node: NodeName, creation: number, signal: AnyBytes, mustDeliver: boolean): boolean;
  /**
   * Takes one encoded notice for every node that is connected, to arrive behind all that was sent before,
   * whoever sent it. Never blocks, never throws.
   */
  broadcast(notice: Uint8Array): void;
}

export interface SignalEndpoint {
  /** Fills the port; the last one counts. */
  setRemote(port: RemotePort): void;
  /**
   * One signal that came from a peer, in the order of arrival. A target that does not exist is answered or
   * dropped as the signal asks.
   * @throws ProtocolError where the bytes are not a signal.
   */
  receiveRemote(node: NodeName, creation: number, signal: Uint8Array): void;
  /** Ends every link and monitor to processes of that life of the node with `noconnection`, exactly once. */
  nodeDown(node: NodeName, creation: number): void;
}

/** The body of PEERS: nodes that the sender has a session with, and where they listen. */
import { ByteReader, ByteWriter, type NodeName, ProtocolError } from '@liminal-node/scheduler';
import { MAX_ADDRESS_BYTES } from './address.js';

export interface PeerAddress {
  readonly node: string;
  readonly address: string;
}

/** The most peers in one frame; senders cut longer lists. */
export const MAX_PEERS_A_FRAME = 1_024;

const MAX_NAME_BYTES = 255;

export function encodePeers(peers: readonly { readonly node: NodeName; readonly address: string }[]): Uint8Array {
  const writer = new ByteWriter().u16(peers.length);
  for (const { node, address } of peers) writer.text(node).text(address);
  return writer.take();
}

/**
 * The texts are bounded but not otherwise checked.
 * @throws ProtocolError
 */
export function decodePeers(body: Uint8Array): PeerAddress[] {
  const reader = new ByteReader(body);
  const count = reader.u16();
  if (count > MAX_PEERS_A_FRAME) throw new ProtocolError('bad count', `${count} peers in one frame`);
  const peers: PeerAddress[] = [];
  for (let left = count; left > 0; left--) {
    peers.push({ node: reader.text(MAX_NAME_BYTES), address: reader.text(MAX_ADDRESS_BYTES) });
  }
  return peers;
}

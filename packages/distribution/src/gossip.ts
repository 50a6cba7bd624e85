/**
 * How nodes learn of one another: the content of PEERS, sent and received.
 *
 * A new session is told of every visible node that listens and has a session here; the others are told of the
 * newcomer. A receiver takes an address as a hint worth a dial: who is there, only the handshake tells. Hidden
 * nodes are told like others, and are told of to nobody.
 */
import { type NodeName, parseNodeName } from '@liminal-node/scheduler';
import { canonicalAddress } from './address.js';
import { count, type DistributionCounters } from './counters.js';
import { FrameType } from './frame-type.js';
import type { AddressBook } from './known-peers.js';
import type { LiveSession } from './live-session.js';
import { encodePeers, MAX_PEERS_A_FRAME, type PeerAddress } from './peers-message.js';

/** What the sessions have to say to one another now that `newcomer` is up. */
export function tellPeers(newcomer: LiveSession, sessions: readonly LiveSession[]): void {
  const others = sessions.filter((session) => session !== newcomer);
  const known = others.flatMap(announced);
  for (let from = 0; from < known.length; from += MAX_PEERS_A_FRAME) {
    newcomer.send(FrameType.PEERS, encodePeers(known.slice(from, from + MAX_PEERS_A_FRAME)), 'control');
  }
  const news = announced(newcomer);
  if (news.length === 0) return;
  const body = encodePeers(news);
  for (const session of others) session.send(FrameType.PEERS, body, 'control');
}

/** Who learns. */
export interface Learner {
  readonly self: NodeName;
  /** Whether this node takes nodes of that name. */
  readonly allows: (name: string) => boolean;
  readonly book: AddressBook;
  readonly counters: DistributionCounters;
  readonly now: number;
}

/** Enters in the book what a peer tells. What is no address, is not taken, or finds no room, is counted. */
export function learnPeers(peers: readonly PeerAddress[], { self, allows, book, counters, now }: Learner): void {
  for (const peer of peers) {
    const address = canonicalAddress(peer.address);
    const node = nodeNameOf(peer.node);
    if (address === undefined || node === undefined) count(counters.addressesIgnored, 'bad address');
    else if (!allows(node)) count(counters.addressesIgnored, 'not allowed');
    else if (node !== self && !book.learn(address, node, now)) count(counters.addressesIgnored, 'book full');
  }
}

function announced({ node, address, hidden, leaving }: LiveSession): { node: NodeName; address: string }[] {
  return hidden || leaving || address === null ? [] : [{ node, address }];
}

function nodeNameOf(text: string): NodeName | undefined {
  try {
    return parseNodeName(text);
  } catch {
    return undefined;
  }
}

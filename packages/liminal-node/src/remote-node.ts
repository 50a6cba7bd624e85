/**
 * A short visit to a cluster: a hidden node of its own, without threads, attached to one running node.
 */

import type { Receipt } from '@liminal-node/channels';
import type { TlsFiles } from '@liminal-node/distribution';
import {
  type AttachedProcess,
  LiminalError,
  type Logger,
  type NodeName,
  randomCreation,
  silentLogger,
  systemEnvironment,
} from '@liminal-node/scheduler';
import { ConnectError } from './connect-error.js';
import { CookieError } from './cookie.js';
import type { Joined } from './joined.js';
import { type ClusterMember, type LiminalNode, startNode } from './node.js';
import { answerTo, parseAnswer } from './node-answers.js';
import { type NodeAnswer, type NodeQuestion, type NodeRequest, REQUESTS_NAME } from './node-requests.js';
import { RemoteInspection } from './remote-inspection.js';

/** The node refused what it was asked for; `remoteCode` is the code of its own error. */
export class RequestError extends LiminalError {
  readonly code = 'ERR_LIMINAL_REQUEST';
  readonly remoteCode: string;

  constructor(remoteCode: string, message: string) {
    super(message);
    this.remoteCode = remoteCode;
  }
}

export interface AttachmentOptions {
  readonly cookie: string;
  /** Connect over TLS, see `NodeOptions`. @default plain TCP */
  readonly tls?: TlsFiles | undefined;
  /** Connect to every node that the first one knows as well. @default false */
  readonly dialLearned?: boolean;
  /** Milliseconds to wait for the connection. @default 5000 */
  readonly timeoutMs?: number;
  readonly logger?: Logger;
}

export interface RemoteNode extends AsyncDisposable {
  /** The node that it is attached to. */
  readonly peer: NodeName;
  /** The hidden node of this visit. */
  readonly node: LiminalNode;
  /**
   * Publishes on the attached node; resolves when it has handed the message to the kernel for every node that had
   * members, which it waits for where they read slowly. In the order of the calls.
   */
  publish(channel: string, payload: unknown): Promise<Receipt>;
  /** The members of the cluster as the attached node sees them. */
  members(): Promise<readonly ClusterMember[]>;
  /** How many of the nodes that the attached node knows of are connected to it. */
  joined(): Promise<Joined>;
  /** Has the attached node connect to another, by its name or address. @returns its name. */
  connect(peer: string): Promise<NodeName>;
  /** Has the attached node disconnect from another. @returns whether it was connected. */
  disconnect(peer: string): Promise<boolean>;
  /** Looks into the attached node. */
  readonly inspection: RemoteInspection;
  /** Resolves when this node is connected to every member and each has taken in what was subscribed here, or after some seconds. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** How long a request may take on a node that is up. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How long `settle` waits for members that are listed but cannot be reached from here. */
const SETTLE_TIMEOUT_MS = 3_000;

/** @throws ConnectError, CookieError where the cookies differ. */
export async function attachTo(address: string, options: AttachmentOptions): Promise<RemoteNode> {
  const { cookie, tls, dialLearned = false, timeoutMs = 5_000, logger = silentLogger } = options;
  const name = `visitor-${randomCreation(systemEnvironment).toString(36)}@127.0.0.1`;
  const node = await startNode({
    name,
    listen: 'off',
    seeds: [address],
    cookie,
    tls,
    hidden: true,
    dialLearned,
    threads: 0,
    remoteSpawn: 'none',
    drainTimeoutMs: 2_000,
    logger,
  });
  try {
    const peer = await firstPeer(node, address, timeoutMs);
    return visit(node, peer);
  } catch (error) {
    await node.drain();
    throw error;
  }
}

async function firstPeer(node: LiminalNode, address: string, timeoutMs: number): Promise<NodeName> {
  const tooLong = AbortSignal.timeout(timeoutMs);
  const refused = new AbortController();
  // A refusal is final, silence is not: dials go on until the time is up, but a clear no is said at once.
  const watch = setInterval(() => {
    if (failureOf(node) !== undefined) refused.abort();
  }, 20);
  try {
    for await (const event of node.membership(AbortSignal.any([tooLong, refused.signal]))) {
      if (event.type === 'up') return event.session.node;
    }
  } finally {
    clearInterval(watch);
  }
  throw connectFailure(address, failureOf(node));
}

function failureOf(node: LiminalNode): string | undefined {
  return node.distribution.peers().find(({ seed }) => seed)?.lastFailure;
}

function connectFailure(address: string, failure: string | undefined): Error {
  switch (failure) {
    case 'cookie':
      return new CookieError(
        `the node at ${address} has another cookie: use the same LIMINAL_COOKIE or --cookie-file as it was started with`,
      );
    case 'ECONNREFUSED':
      return new ConnectError(
        `nothing listens at ${address}: start a node there with "liminal-node start --listen ${address}", or name another with --connect HOST:PORT`,
      );
    case 'not allowed':
      return new ConnectError(
        `the node at ${address} takes certain names only: start it with --allow 'visitor-*@127.0.0.1' beside the others`,
      );
    case undefined:
    case 'deadline':
      return new ConnectError(`${address} does not answer as a Liminal node: check the address and that the node runs`);
    case 'closed':
      return new ConnectError(
        `${address} closed the connection at once: where its node was started with --tls-cert, give this command --tls-cert, --tls-key and --tls-ca as well`,
      );
    default:
      if (/CERT|TLS|SSL|SIGNATURE/.test(failure)) {
        return new ConnectError(
          `cannot connect to ${address} over TLS: ${failure}; check that both ends have --tls-ca in common, and that the certificate names the host`,
        );
      }
      return new ConnectError(`cannot connect to ${address}: ${failure}`);
  }
}

function visit(node: LiminalNode, peer: NodeName): RemoteNode {
  const mailbox = node.attach({ label: 'visitor' });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void; to: NodeName }>();
  let requests = 0;
  void takeAnswers(mailbox, (answer) => {
    const asked = waiting.get(answer.request);
    waiting.delete(answer.request);
    if (answer.ok) asked?.resolve(answer.value);
    else asked?.reject(new RequestError(answer.code, answer.message));
  });
  const stopWatching = node.distribution.onMembership('everyone', (event) => {
    if (event.type === 'up') return;
    for (const [request, asked] of waiting) {
      if (asked.to !== event.session.node) continue;
      waiting.delete(request);
      asked.reject(new ConnectError(`the connection to ${asked.to} was lost (${event.reason}) before it answered`));
    }
  });
  const ask = (to: NodeName, question: NodeQuestion, timeoutMs = REQUEST_TIMEOUT_MS): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (node.distribution.session(to) === undefined) throw new ConnectError(`not connected to ${to}; try again`);
      const request = requests++;
      const message = { ...question, request, replyTo: mailbox.pid } as NodeRequest;
      mailbox.send({ name: REQUESTS_NAME, node: to }, message);
      const onLate = (): void => {
        waiting.delete(request);
        reject(new ConnectError(`${to} did not answer within ${timeoutMs / 1000} s`));
      };
      const late = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(onLate, timeoutMs);
      const done = (): void => clearTimeout(late);
      waiting.set(request, {
        to,
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
    });
  const members = async (): Promise<readonly ClusterMember[]> =>
    answerTo('members', await ask(peer, { type: 'members' }));
  const close = async (): Promise<void> => {
    await node.drain();
    // Not before: the loss of the connection is the answer to what is still asked.
    stopWatching();
  };
  return {
    peer,
    node,
    // It may take as long as the slowest reader; the loss of the connection ends it.
    publish: async (channel, payload) =>
      answerTo('publish', await ask(peer, { type: 'publish', channel, payload }, Number.POSITIVE_INFINITY)),
    members,
    joined: async () => answerTo('joined', await ask(peer, { type: 'joined' })),
    connect: async (other) => answerTo('connect', await ask(peer, { type: 'connect', peer: other })),
    disconnect: async (other) => answerTo('disconnect', await ask(peer, { type: 'disconnect', peer: other })),
    inspection: new RemoteInspection((question) => ask(peer, question)),
    async settle() {
      const names = (await members()).map(({ name }) => name);
      const signal = AbortSignal.timeout(SETTLE_TIMEOUT_MS);
      await Promise.all(
        names.map(async (name) => {
          if (await connectedTo(node, name, signal)) await ask(name, { type: 'members' }).catch(() => {});
        }),
      );
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Whether a session with `name` came up before `signal` aborted. */
async function connectedTo(node: LiminalNode, name: NodeName, signal: AbortSignal): Promise<boolean> {
  for await (const event of node.membership(signal)) {
    if (event.type === 'up' && event.session.node === name) return true;
  }
  return false;
}

async function takeAnswers(mailbox: AttachedProcess, take: (answer: NodeAnswer) => void): Promise<void> {
  for await (const message of mailbox.messages()) {
    const answer = parseAnswer(message);
    if (answer === undefined) mailbox.countDropped('not an answer');
    else take(answer);
  }
}

/**
 * Lets several scopes share one distribution: it takes one handler per frame type, so one router per
 * distribution takes pg's types and hands each frame to the scope that it names. A frame for a scope
 * that does not run here is counted and ignored: a peer may run scopes that this node does not.
 */
import type { ByteReader } from '@liminal-node/scheduler';
import type { DistributionPort, PgSession } from './port.js';
import { PG_ACK, PG_ASK, PG_HAVE, PG_RESUME, PG_RESYNC, PG_SNAPSHOT, PG_UPDATE, readScope } from './wire.js';

/** Takes the frames of one scope; the reader stands behind the scope's name. A ProtocolError closes the session. */
export type ScopeReceiver = (session: PgSession, type: number, reader: ByteReader) => void;

export class FrameRouter {
  readonly #scopes = new Map<string, ScopeReceiver>();
  #unknownScope = 0;

  constructor(distribution: DistributionPort) {
    for (const type of [PG_SNAPSHOT, PG_UPDATE, PG_RESYNC, PG_ASK, PG_ACK, PG_HAVE, PG_RESUME]) {
      distribution.onFrame(type, (session, body) => this.#route(session, type, body));
    }
  }

  /** Frames for scopes that do not run here. */
  get unknownScope(): number {
    return this.#unknownScope;
  }

  /**
   * @returns a function that detaches the scope again.
   * @throws TypeError where the scope is attached already.
   */
  attach(scope: string, receiver: ScopeReceiver): () => void {
    if (this.#scopes.has(scope)) throw new TypeError(`scope "${scope}" runs on this node already`);
    this.#scopes.set(scope, receiver);
    return () => {
      if (this.#scopes.get(scope) === receiver) this.#scopes.delete(scope);
    };
  }

  #route(session: PgSession, type: number, body: Uint8Array): void {
    const { scope, reader } = readScope(body);
    const receiver = this.#scopes.get(scope);
    if (receiver === undefined) this.#unknownScope++;
    else receiver(session, type, reader);
  }
}

const routers = new WeakMap<DistributionPort, FrameRouter>();

/** The one router of that distribution. */
export function frameRouterOf(distribution: DistributionPort): FrameRouter {
  let router = routers.get(distribution);
  if (router === undefined) {
    router = new FrameRouter(distribution);
    routers.set(distribution, router);
  }
  return router;
}

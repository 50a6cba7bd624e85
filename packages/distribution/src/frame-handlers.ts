/** Who takes which type of frame of a session; what is done with the types that nobody takes. */
import { ProtocolError } from '@liminal-node/scheduler';
import type { DistributionCounters } from './counters.js';
import { FIRST_HANDLED_TYPE, isOptional } from './frame-type.js';
import type { LiveSession } from './live-session.js';
import { decodeLosses } from './loss-notice.js';
import type { Session } from './session.js';

export type FrameHandler<S extends Session = Session> = (session: S, body: Uint8Array) => void;

export type LossHandler = (session: Session, label: Uint8Array, count: number) => void;

export class FrameHandlers {
  readonly #lossHandlers = new Map<number, LossHandler>();
  readonly #handlers: (FrameHandler<LiveSession> | undefined)[] = new Array(256).fill(undefined);
  readonly #counters: DistributionCounters;

  /** @param own handlers of the session's own frames. */
  constructor(counters: DistributionCounters, own: ReadonlyMap<number, FrameHandler<LiveSession>>) {
    this.#counters = counters;
    for (const [type, handler] of own) this.#handlers[type] = handler;
  }

  /** @throws RangeError for a type that is taken, or not for other layers. */
  set(type: number, handler: FrameHandler): void {
    checkType(type);
    if (this.#handlers[type] !== undefined) throw new RangeError(`frame type ${type} has a handler already`);
    this.#handlers[type] = handler;
  }

  /** @throws RangeError as `set`. */
  setForLosses(type: number, handler: LossHandler): void {
    checkType(type);
    if (this.#lossHandlers.has(type)) throw new RangeError(`losses of type ${type} have a handler already`);
    this.#lossHandlers.set(type, handler);
  }

  /** @throws ProtocolError where the body is no notice, and whatever a handler throws. */
  handleLosses(session: LiveSession, body: Uint8Array): void {
    for (const { type, label, count } of decodeLosses(body)) {
      this.#counters.lossesHeard += count;
      this.#lossHandlers.get(type)?.(session, label, count);
    }
  }

  /** @throws ProtocolError `unknown frame`, and whatever the handler throws. */
  handle(session: LiveSession, type: number, body: Uint8Array): void {
    const handler = this.#handlers[type];
    if (handler !== undefined) handler(session, body);
    else if (isOptional(type)) this.#counters.unknownOptionalFrames++;
    else throw new ProtocolError('unknown frame', `frame of unknown type ${type}`);
  }
}

function checkType(type: number): void {
  if (Number.isInteger(type) && type >= FIRST_HANDLED_TYPE && type <= 255) return;
  throw new RangeError(`frame type ${type}: must be from ${FIRST_HANDLED_TYPE} to 255`);
}

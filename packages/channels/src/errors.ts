/** Operating errors of channels. Match on `code`; see `docs/errors.md`. */
import { LiminalError } from '@liminal-node/scheduler';

/** A payload does not fit the schema of its channel. Nobody received it. */
export class PayloadError extends LiminalError {
  readonly code = 'ERR_LIMINAL_PAYLOAD';
  readonly channel: string;
  /** What is wrong, and where in the payload, for instance `items.0.price`. */
  readonly issues: readonly { readonly path: string; readonly message: string }[];

  constructor(channel: string, issues: readonly { readonly path: string; readonly message: string }[]) {
    const list = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
    super(`the payload does not fit channel "${channel}": ${list}`);
    this.channel = channel;
    this.issues = issues;
  }
}

/** A payload has more bytes than a message may have. Nobody received it. */
export class PayloadTooLargeError extends LiminalError {
  readonly code = 'ERR_LIMINAL_PAYLOAD_TOO_LARGE';
  readonly bytes: number;
  readonly maxBytes: number;

  constructor(bytes: number, maxBytes: number) {
    super(`the payload has ${bytes} bytes; at most ${maxBytes} (option maxPayloadBytes)`);
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/** The node is draining or has stopped: it takes no more publishes and subscriptions. */
export class ChannelsClosedError extends LiminalError {
  readonly code = 'ERR_LIMINAL_CHANNELS_CLOSED';

  constructor() {
    super('this node is stopping and takes no more publishes or subscriptions');
  }
}

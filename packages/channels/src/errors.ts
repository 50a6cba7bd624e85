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

/** A subscription with `overflow: 'exit'` was ended because its mailbox was full. Subscribe again to go on. */
export class SubscriptionOverflowError extends LiminalError {
  readonly code = 'ERR_LIMINAL_SUBSCRIPTION_OVERFLOW';
  readonly channel: string;

  constructor(channel: string) {
    super(`the subscription to channel "${channel}" was ended: its reader fell behind, and its mailbox was full`);
    this.channel = channel;
  }
}

/** The node is draining or has stopped: it takes no more publishes and subscriptions. */
export class ChannelsClosedError extends LiminalError {
  readonly code = 'ERR_LIMINAL_CHANNELS_CLOSED';

  constructor() {
    super('this node is stopping and takes no more publishes or subscriptions');
  }
}

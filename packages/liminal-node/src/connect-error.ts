import { LiminalError } from '@liminal-node/scheduler';

/** No node answers there, or it refuses the connection, or it went away. The message names cause and remedy. */
export class ConnectError extends LiminalError {
  readonly code = 'ERR_LIMINAL_CONNECT';
}

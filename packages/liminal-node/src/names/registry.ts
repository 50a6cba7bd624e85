/**
 * Global names and locks as processes see them, on any thread: `{ via: globalNames, name }` stands wherever a registered
 * name can. Home keeps them (`global-names.ts`), and lists who has which name on every thread.
 *
 *     await self.register({ via: globalNames, name: 'leader' });
 *     self.send({ via: globalNames, name: 'leader' }, 'who are you?');     // from any node
 */
import { defineRegistry, LiminalError, type Pid, type Self } from '@liminal-node/scheduler';
import { type KeyKind, keyOf } from './claim.js';

/** What home is asked, by the name of this service. */
export const GLOBAL_NAMES_SERVICE = 'global names';

export interface GlobalNameRequest {
  readonly op: 'register' | 'unregister' | 'lock';
  readonly kind: KeyKind;
  readonly name: string;
  /** Of a lock: how long to wait for it; undefined without end. */
  readonly timeoutMs?: number;
}

/** By what every node knows the registry, wherever it is installed. */
export const GLOBAL_NAMES_SPEC = 'liminal global names';

/** Under what home lists who has it. */
export function listedAs(kind: KeyKind, name: string): string {
  return `global ${keyOf(kind, name)}`;
}

/**
 * The names of the cluster: one process has a name, whichever node it is on. `register` rejects with `NameError` where
 * another has it, and with `GlobalNameError` where that could not be found out. docs/names.md says what holds while the
 * cluster is split, and afterwards.
 */
export const globalNames = defineRegistry(
  import.meta.url,
  'global names',
  {
    register: async (self, name) => (await ask(self, { op: 'register', kind: 'name', name })) === true,
    unregister: async (self, name) => void (await ask(self, { op: 'unregister', kind: 'name', name })),
    whereis: (name, local) => local.listed(listedAs('name', name)),
  },
  GLOBAL_NAMES_SPEC,
);

/** A name or a lock could not be had, for another `reason` than that somebody has it. */
export class GlobalNameError extends LiminalError {
  readonly code = 'ERR_LIMINAL_GLOBAL_NAME';
  readonly reason: 'limit' | 'busy' | 'timeout';

  constructor(reason: 'limit' | 'busy' | 'timeout', message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface GlobalLockOptions {
  /** Give up after so many ms. @default no limit */
  readonly timeoutMs?: number;
}

/** Held by one process of the cluster, until it releases it or ends, or its node is lost. */
export interface GlobalLock extends AsyncDisposable {
  readonly name: string;
  release(): Promise<void>;
}

/**
 * Waits for a lock of that name, after OTP's `global:set_lock`. A process that has it already has it at once. What holds
 * of names while the cluster is split holds of locks.
 * Rejects with an error of the code `ERR_LIMINAL_GLOBAL_NAME` after `timeoutMs`.
 */
export async function lockGlobally(self: Self, name: string, options: GlobalLockOptions = {}): Promise<GlobalLock> {
  await ask(self, { op: 'lock', kind: 'lock', name, ...options });
  const release = async (): Promise<void> => void (await ask(self, { op: 'unregister', kind: 'lock', name }));
  return { name, release, [Symbol.asyncDispose]: release };
}

/** In the mailbox of a process that has lost its name in a conflict, where `conflict` has it told and not ended. */
export interface NameConflictMessage {
  readonly signal: 'nameConflict';
  readonly kind: KeyKind;
  readonly name: string;
  /** Who keeps it; missing where nobody does. */
  readonly keeper?: Pid;
}

export function isNameConflict(message: unknown): message is NameConflictMessage {
  return typeof message === 'object' && message !== null && 'signal' in message && message.signal === 'nameConflict';
}

function ask(self: Self, request: GlobalNameRequest): Promise<unknown> {
  return self.request(GLOBAL_NAMES_SERVICE, request);
}

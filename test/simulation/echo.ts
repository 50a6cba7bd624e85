/** The server of a simulated node, under a name: it says what it is told. */
import type { NodeName } from '@liminal-node/scheduler';
import type { Actor, Stage } from './actors.js';
import type { Api } from './api.js';
import type { Life } from './life.js';

const ECHO = 'echo';

/** A call is given up after so many ms. */
const TIMEOUT_MS = 300;

function define(api: Api) {
  return api.scheduler.defineServer('data:simulated-cluster', ECHO, {
    init: () => undefined,
    calls: { echo: (_server, value: number) => value },
  });
}

const definitions = new WeakMap<Api, ReturnType<typeof define>>();

type Echo = { readonly calls: { readonly echo: (value: number) => number }; readonly casts: Record<never, never> };

/** Starts it on a life of a node. */
export function startEcho(api: Api, { scheduler }: Life): void {
  const definition = definitions.get(api) ?? define(api);
  definitions.set(api, definition);
  const options = { name: ECHO, thread: scheduler.threads[0] ?? 'home' } as const;
  api.scheduler.startServer(scheduler.attach(), definition, [], options).catch(() => {});
}

/** Asks it. A call has one outcome, whatever becomes of the way there and back. */
export function askEcho(world: Stage, actor: Actor, node: NodeName): void {
  const number = ++actor.numbers;
  const { call } = world.api.scheduler;
  actor.calls++;
  call<Echo, 'echo'>(actor.self, { name: ECHO, node }, 'echo', [number], { timeoutMs: TIMEOUT_MS }).then(
    (value) => {
      actor.calls--;
      world.note(() => `${actor.pid} is answered ${value} by ${node}`);
      if (value !== number) world.fail(`${actor.pid} asked ${node} for ${number} and was told ${value}`);
    },
    ({ code }: { code?: string }) => {
      actor.calls--;
      world.note(() => `${actor.pid} has no answer to ${number} of ${node}: ${code}`);
      if (code !== 'ERR_LIMINAL_CALL' && code !== 'ERR_LIMINAL_CALL_TIMEOUT') world.fail(`a call failed with ${code}`);
    },
  );
}

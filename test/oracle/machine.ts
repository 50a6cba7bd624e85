/** The state machine of scenarios; `erlang/oracle_machine.erl` is its like. */
import { defineStateMachine, type From, type MachineContext, reply } from '@liminal-node/scheduler';

interface Data {
  readonly log: string[];
  waiting: From<unknown> | undefined;
}

type Machine = MachineContext<'idle' | 'busy' | 'open', Data>;

function note({ state, data }: Machine, what: unknown): void {
  data.log.push(`${what}@${state}`);
}

function fired(machine: Machine, what: unknown): void {
  note(machine, what);
  const { self, data } = machine;
  if (data.waiting !== undefined) reply(self, data.waiting, what);
  data.waiting = undefined;
}

export const machine = defineStateMachine(import.meta.url, 'machine', {
  init: () => ({ state: 'idle' as const, data: { log: [], waiting: undefined } as Data }),
  states: {
    idle: { casts: { later: (of: Machine, _what: string) => of.keep({ postpone: true }) } },
    busy: {},
    open: {},
  },
  any: {
    calls: {
      log: ({ data }: Machine) => data.log.join(','),
      go: (of: Machine, next: 'idle' | 'busy' | 'open') => of.next(next, { reply: 'ok' }),
      wait: (of: Machine) =>
        of.keep<unknown>({
          later: (from) => {
            of.data.waiting = from;
          },
        }),
      stop: (of: Machine, reason: string, value: unknown) => of.stop(reason, value),
    },
    casts: {
      later: note,
      note,
      insert: (of: Machine, first: string, second: string) =>
        of.keep({
          insert: [
            { type: 'internal', content: first },
            { type: 'internal', content: second },
          ],
        }),
      state_timeout: (of: Machine, ms: number, content: string) => of.keep({ stateTimeout: { ms, content } }),
      timeout: (of: Machine, name: string, ms: number, content: string) =>
        of.keep({ timeouts: { [name]: { ms, content } } }),
    },
    internal: note,
    stateTimeout: fired,
    timeouts: { one: fired, two: fired },
  },
});

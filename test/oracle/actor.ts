/** The processes of scenarios on Liminal; `erlang/` has their like. */
import {
  CallError,
  CallTimeoutError,
  call,
  cast,
  child,
  countChildren,
  defineProcess,
  defineServer,
  defineSupervisor,
  deleteChild,
  type ExitReason,
  type From,
  LiminalError,
  type MessageTimer,
  type Pid,
  type Ref,
  type Registered,
  reply,
  restartChild,
  type Self,
  type ServedBy,
  type ServerAddress,
  StartError,
  SupervisorError,
  type SupervisorInit,
  type SupervisorPid,
  sendAfter,
  startChild,
  startServer,
  startSupervisor,
  startTimer,
  stopServer,
  terminateChild,
  whichChildren,
} from '@liminal-node/scheduler';
import { machine } from './machine.js';

/** Asks an actor for a step. */
export interface Order {
  readonly order: Ref;
  readonly from: Pid;
  readonly op: string;
  readonly args: readonly unknown[];
}

/** What came of it, for the director to put in words. */
export type Result =
  | string
  | boolean
  | number
  | {
      readonly spawned: Pid;
      readonly name: string;
      readonly lives: boolean;
      readonly acts: boolean;
      readonly ref?: Ref;
      readonly label?: string;
    }
  | { readonly ref: Ref; readonly label: string }
  | { readonly pid: Pid }
  | { readonly raises: string }
  | { readonly fails: ExitReason; readonly pid?: Pid }
  | { readonly replied: unknown }
  | { readonly children: readonly { readonly id: string; readonly pid?: Pid }[] }
  | { readonly mail: readonly unknown[] }
  | { readonly all: readonly Result[] };

export interface Done {
  readonly done: Ref;
  readonly result: Result;
}

export interface Letter {
  readonly by: string;
  readonly text: string;
}

type Place = number | 'home';
type ChildWords = readonly [id: string, restart: 'permanent', shutdown: number, significant: boolean];
type SupervisorWords = readonly [strategy: 'one_for_one', intensity: number, autoShutdown: 'never'];

const isOrder = (message: unknown): message is Order => hasKey(message, 'order');
const isOther = (message: unknown): message is unknown => !isOrder(message);

function hasKey(message: unknown, key: string): boolean {
  return typeof message === 'object' && message !== null && key in message;
}

class Acting {
  readonly self: Self;
  readonly name: string;
  readonly timers = new Map<string, MessageTimer>();

  constructor(self: Self, name: string) {
    this.self = self;
    this.name = name;
  }

  letter(text: string): Letter {
    return { by: this.name, text };
  }

  async take(text: string, timeoutMs: number): Promise<Result> {
    const match = (message: unknown): message is Letter => hasKey(message, 'by') && (message as Letter).text === text;
    const letter = await this.self.receive({ timeoutMs, match }).catch(timedOut);
    return letter === undefined ? 'nothing' : { replied: `${letter.by}:${letter.text}` };
  }
}

function timedOut(error: unknown): undefined {
  if (error instanceof LiminalError && error.code === 'ERR_LIMINAL_RECEIVE_TIMEOUT') return undefined;
  throw error;
}

type Op = (acting: Acting, ...args: never[]) => Result | Promise<Result>;

const ops: Readonly<Record<string, Op>> = {
  async batch(acting, ...steps: (readonly [op: string, ...args: unknown[]])[]) {
    const all: Result[] = [];
    for (const [op, ...args] of steps) {
      const result = act(acting, op, args);
      all.push(result instanceof Promise ? await result : result);
    }
    return { all };
  },
  async mailbox({ self }) {
    const mail: unknown[] = [];
    for (;;) {
      const message = await self.receive({ timeoutMs: 0, match: isOther }).catch(timedOut);
      if (message === undefined) return { mail };
      mail.push(message);
    }
  },
  async spawn({ self }, name: string, flags: readonly string[], label: string, place: Place) {
    const ref = label === 'none' ? undefined : self.makeRef();
    const lives = !flags.includes('fails');
    const options = { thread: place, link: flags.includes('link'), ...(ref !== undefined && { monitor: ref }) };
    const spawned = lives
      ? await self.spawn(actor, [name], { ...options, trapExit: flags.includes('trap') })
      : await self.spawn(failing, [], options);
    return { spawned, name, lives, acts: lives, ...(ref !== undefined && { ref, label }) };
  },
  send(acting, to: Pid, text: string) {
    acting.self.send(to, acting.letter(text));
    return 'ok';
  },
  send_name(acting, name: string, text: string) {
    return raising(() => acting.self.send({ name }, acting.letter(text)));
  },
  link: ({ self }, pid: Pid) => done(self.link(pid)),
  try_link: ({ self }, pid: Pid) => done(self.link(pid)),
  unlink: ({ self }, pid: Pid) => done(self.unlink(pid)),
  monitor: ({ self }, pid: Pid, label: string) => ({ ref: self.monitor(pid), label }),
  monitor_name: ({ self }, name: string, label: string) => ({ ref: self.monitor({ name }), label }),
  demonitor: ({ self }, ref: Ref) => self.demonitor(ref),
  demonitor_flush: ({ self }, ref: Ref) => self.demonitor(ref, { flush: true }),
  exit: ({ self }, reason: string) => self.exit(reason),
  exit_other: ({ self }, pid: Pid, reason: string) => done(self.exitProcess(pid, reason)),
  crash() {
    throw new Error('crash');
  },
  throw() {
    throw 'tossed';
  },
  return: ({ self }) => self.exit('normal'),
  trap: ({ self }, on: boolean) => self.setTrapExit(on),
  register: ({ self }, name: string) => raising(() => self.register(name)),
  unregister: ({ self }) => done(self.unregister()),
  whereis({ self }, name: string) {
    const pid = self.whereis(name);
    return pid === undefined ? 'nobody' : { pid };
  },
  alive: ({ self }, pid: Pid) => self.isAlive(pid),
  take: (acting, text: string) => acting.take(text, 0),
  await: (acting, text: string) => acting.take(text, 10_000),
  send_after(acting, ms: number, to: Pid, text: string, label: string) {
    acting.timers.set(label, sendAfter(acting.self, ms, to, acting.letter(text)));
    return 'ok';
  },
  start_timer(acting, ms: number, to: Pid, text: string, label: string) {
    const timer = startTimer(acting.self, ms, to, text);
    acting.timers.set(label, timer);
    return { ref: timer.ref, label };
  },
  cancel: ({ timers }, label: string) => left(timers.get(label)?.cancel()),
  read_timer: ({ timers }, label: string) => left(timers.get(label)?.left()),
  start_server({ self }, name: string, plan: string, flags: readonly (string | readonly string[])[], place: Place) {
    const registered = flags.find((flag) => typeof flag !== 'string')?.[1];
    const options = {
      thread: place,
      link: flags.includes('link'),
      ...(registered !== undefined && { name: registered }),
    };
    return failingStart(startServer(self, server, [plan], options), name);
  },
  start_machine: ({ self }, name: string, place: Place) =>
    failingStart(startServer(self, machine, [], { thread: place }), name),
  call({ self }, to: ServerAddress<Served>, [name, ...args]: [name: string, ...args: unknown[]], timeoutMs: number) {
    const replied = call(self, to, name as 'get', args as [], { timeoutMs }) as Promise<unknown>;
    return failingCall(replied.then((value) => ({ replied: value })));
  },
  cast({ self }, to: ServerAddress<Served>, [name, ...args]: [name: string, ...args: unknown[]]) {
    return done(cast(self, to, name as 'crash', args as []));
  },
  stop_server: ({ self }, to: Pid, reason: string) =>
    failingCall(stopServer(self, to, reason).then((): Result => 'ok')),
  start_supervisor(
    { self },
    name: string,
    [strategy, intensity, autoShutdown]: SupervisorWords,
    children: readonly ChildWords[],
  ) {
    const init = { strategy, intensity, autoShutdown, periodMs: 3_600_000 };
    return failingStart(startSupervisor(self, family, [init, children], { link: true }), name);
  },
  async children({ self }, supervisor: SupervisorPid) {
    const children = await whichChildren(self, supervisor);
    return {
      children: children
        .map(({ id = '', pid }) => ({ id, ...(pid !== undefined && { pid }) }))
        .sort((one, other) => (one.id < other.id ? -1 : 1)),
    };
  },
  async count_children({ self }, supervisor: SupervisorPid) {
    const { specs, active, supervisors, workers } = await countChildren(self, supervisor);
    return [specs, active, supervisors, workers].join(' ');
  },
  terminate_child: ({ self }, supervisor: SupervisorPid, id: string) => refusal(terminateChild(self, supervisor, id)),
  restart_child: ({ self }, supervisor: SupervisorPid, id: string) => refusal(restartChild(self, supervisor, id), true),
  delete_child: ({ self }, supervisor: SupervisorPid, id: string) => refusal(deleteChild(self, supervisor, id)),
  start_child: ({ self }, supervisor: SupervisorPid, words: ChildWords) =>
    refusal(startChild(self, supervisor, specOf(words)), true),
};

function done(_: void): 'ok' {
  return 'ok';
}

function left(ms: number | false | undefined): Result {
  return typeof ms === 'number' ? 'left' : false;
}

async function raising(attempt: () => unknown): Promise<Result> {
  try {
    await attempt();
    return 'ok';
  } catch (error) {
    if (error instanceof LiminalError && error.code === 'ERR_LIMINAL_NAME') return { raises: 'badarg' };
    throw error;
  }
}

async function failingStart(started: Promise<Pid>, name: string): Promise<Result> {
  try {
    return { spawned: await started, name, lives: true, acts: false };
  } catch (error) {
    if (error instanceof StartError) return { fails: error.reason };
    throw error;
  }
}

async function failingCall(called: Promise<Result>): Promise<Result> {
  try {
    return await called;
  } catch (error) {
    if (error instanceof CallError || error instanceof CallTimeoutError) return { fails: error.reason };
    throw error;
  }
}

async function refusal(asked: Promise<Pid | undefined | void>, starts = false): Promise<Result> {
  try {
    return (await asked) === undefined && starts ? 'ignored' : 'ok';
  } catch (error) {
    if (error instanceof SupervisorError) {
      return { fails: error.reason, ...(error.pid !== undefined && { pid: error.pid }) };
    }
    if (error instanceof StartError) return { fails: error.reason };
    throw error;
  }
}

function act(acting: Acting, op: string, args: readonly unknown[]): Result | Promise<Result> {
  const found = ops[op];
  if (found === undefined) throw new TypeError(`an actor cannot ${op}`);
  return found(acting, ...(args as never[]));
}

export const actor = defineProcess(import.meta.url, 'actor', async (self: Self, name: string) => {
  const acting = new Acting(self, name);
  for (;;) {
    const { order, from, op, args } = await self.receive({ match: isOrder });
    if (op === 'return') return;
    const result = act(acting, op, args);
    self.send<Done>(from, { done: order, result: result instanceof Promise ? await result : result });
  }
});

const failing = defineProcess(import.meta.url, 'failing', () => {
  throw new Error('crash');
});

interface ServerState {
  total: number;
  readonly log: unknown[];
  waiting: From<unknown> | undefined;
}

const server = defineServer(import.meta.url, 'server', {
  init(setup, plan: string) {
    if (plan === 'stop') return setup.stop('told_to_stop');
    if (plan === 'crash') throw new Error('crash');
    if (plan === 'trap') setup.self.setTrapExit(true);
    if (plan === 'continue') setup.continueWith('continued');
    const state: ServerState = { total: 0, log: [], waiting: undefined };
    return state;
  },
  calls: {
    add({ state }, by: number) {
      state.total += by;
      return state.total;
    },
    get: ({ state }) => state.total,
    log: ({ state }) => state.log.join(','),
    later: (context) =>
      context.later<unknown>((from) => {
        context.state.waiting = from;
      }),
    never: (context) => context.later<unknown>(() => {}),
    twice: (context, first: unknown, second: unknown) =>
      context.later<unknown>((from) => {
        reply(context.self, from, first);
        reply(context.self, from, second);
      }),
    crash(): never {
      throw new Error('crash');
    },
    throw(): never {
      throw 'tossed';
    },
    exit: ({ self }, reason: string) => self.exit(reason),
    stop: (context, reason: string, answer: unknown) => context.stop(reason, answer),
  },
  casts: {
    note({ state }, what: string) {
      state.log.push(what);
    },
    release({ self, state }, value: unknown) {
      if (state.waiting !== undefined) reply(self, state.waiting, value);
    },
    crash(): never {
      throw new Error('crash');
    },
  },
  info({ state }, message) {
    if (hasKey(message, 'by')) state.log.push((message as Letter).text);
  },
  continue({ state }, topic) {
    state.log.push(topic);
  },
});

type Served = ServedBy<typeof server>;

/** Asks the director what to do at its start and at its end. */
export const member = defineServer(import.meta.url, 'member', {
  async init(setup, id: string) {
    const { self } = setup;
    self.setTrapExit(true);
    const verdict = await self.request('oracle init', id);
    if (verdict === 'fail') return setup.stop('told_to_fail');
    if (verdict === 'ignore') self.exit('ignore');
    return { id };
  },
  casts: {
    end: (context, reason: string) => context.stop(reason),
  },
  async terminate({ self, state }, reason) {
    await self.request('oracle terminate', { id: state.id, reason });
  },
});

function specOf([id, restart, shutdown, significant]: ChildWords) {
  return child(member, [id], { id, restart, shutdown, significant });
}

const family = defineSupervisor(
  import.meta.url,
  'family',
  (init: Omit<Partial<SupervisorInit>, 'children'>, children: readonly ChildWords[]) => ({
    ...init,
    children: children.map(specOf),
  }),
);

export type { Registered };

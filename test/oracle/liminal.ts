/** Liminal as a player of scenarios: what `erlang/oracle.erl` is on OTP, with the actors on any threads. */
import {
  type AttachedProcess,
  cast,
  type DownMessage,
  type ExitReason,
  isDown,
  isExit,
  type Pid,
  type Ref,
  type ServedBy,
  whichChildren,
} from '@liminal-node/scheduler';
import { World } from '../../packages/scheduler/test/world.js';
import { actor, type Done, type Letter, type member, type Order, type Result } from './actor.js';
import { type Argument, describeStep, isList, type Observation, type Scenario, type Step } from './scenario.js';

const WITH_PLACE = new Set(['spawn', 'start_server', 'start_machine']);
const NAMING = new Set(['register', 'whereis', 'send_name', 'monitor_name']);

let scenarios = 0;

export class Liminal implements AsyncDisposable {
  readonly #world: World;
  /** Whom the members of supervisors ask what to do. */
  #play: Play | undefined;

  private constructor(world: World) {
    this.#world = world;
    world.scheduler.provide('oracle init', (from, id) => this.#play?.starting(from as Pid, String(id)));
    world.scheduler.provide('oracle terminate', (_from, body) => {
      const { id, reason } = body as { id: string; reason: ExitReason };
      return this.#play?.stopping(id, reason);
    });
  }

  /** With threads, the actors are on three threads; without, all are on one. */
  static async start(threads: number): Promise<Liminal> {
    return new Liminal(await World.start(threads));
  }

  /** Plays one scenario, after the one before. Its names are registered with a prefix of its own. */
  async play({ steps }: Scenario): Promise<Observation> {
    const play = new Play(this.#world, `${scenarios++}:`);
    this.#play = play;
    try {
      return await play.run(steps);
    } finally {
      await play.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#world[Symbol.asyncDispose]();
  }
}

class Play {
  readonly #world: World;
  readonly #prefix: string;
  readonly #director: AttachedProcess;
  readonly #pids = new Map<string, Pid>();
  readonly #actors = new Set(['a']);
  readonly #names = new Map<string, string>();
  readonly #refs = new Map<string, Ref>();
  readonly #labels = new Map<Ref, string>();
  readonly #ends = new Map<string, ExitReason>();
  readonly #members = new Map<string, Pid>();
  readonly #supervisors = new Set<Pid>();
  readonly #verdicts = new Map<string, readonly Argument[]>();
  readonly #hanging = new Set<string>();
  readonly #watchers = new Map<Ref, Pid>();
  readonly #lines: string[] = [];
  #ofMembers: string[] = [];

  constructor(world: World, prefix: string) {
    this.#world = world;
    this.#prefix = prefix;
    this.#director = world.attach();
  }

  async run(steps: readonly Step[]): Promise<Observation> {
    this.#enter('a', await this.#world.scheduler.spawn(actor, ['a'], { thread: this.#place('a') }));
    for (const step of steps) {
      const told = await this.#step(step);
      await this.#settle();
      if (told !== undefined) {
        const result = this.#ends.has(step[0]) ? 'it ends' : told;
        this.#lines.push(step[0] === 'director' ? told : `${describeStep(step)} -> ${result}`);
      }
      this.#lines.push(...this.#ofMembers);
      this.#ofMembers = [];
    }
    for (const [name, pid] of [...this.#pids]) {
      const reason = this.#ends.get(name);
      if (reason !== undefined) this.#lines.push(`${name} ended ${this.#reason(reason)}`);
      else if (!this.#actors.has(name)) this.#lines.push(`${name} lives`);
      else {
        const mail = await this.#ask(pid, 'mailbox', []);
        this.#lines.push(`${name} has ${mail === undefined ? 'gone' : this.#render(mail)}`);
      }
    }
    return this.#lines;
  }

  async end(): Promise<void> {
    this.#hanging.clear();
    for (const pid of [...this.#pids.values(), ...this.#members.values()]) {
      this.#world.scheduler.exitProcess(pid, 'kill');
    }
    await this.#world.settle();
    this.#director.close();
  }

  /** What came of it; undefined where it was left out. */
  async #step(step: Step): Promise<string | undefined> {
    const [name, op, ...args] = step;
    if (name === 'director') return this.#direct(op, args);
    const pid = this.#pids.get(name);
    const resolved = this.#resolveAll(op, args);
    if (pid === undefined || this.#ends.has(name) || resolved === undefined) return undefined;
    const result = await this.#ask(pid, op, resolved);
    return result === undefined ? 'it ends' : this.#render(this.#noted(result));
  }

  async #direct(op: string, [id, what]: readonly Argument[]): Promise<string | undefined> {
    const child = String(id);
    if (op === 'plan') this.#verdicts.set(child, (what as readonly Argument[]) ?? []);
    else if (op === 'hang') this.#hanging.add(child);
    else {
      const pid = this.#members.get(child) as Pid & { readonly serves?: ServedBy<typeof member> };
      const ref = this.#director.monitor(pid);
      cast(this.#director, pid, 'end', [String(what)]);
      await this.#director.receive({
        match: (message): message is DownMessage => isDown(message) && message.ref === ref,
      });
      return `end ${child} ${what}`;
    }
    return undefined;
  }

  #resolveAll(op: string, args: readonly Argument[]): unknown[] | undefined {
    if (op === 'batch') {
      const steps = args.map((step) => {
        const [inner = '', ...rest] = step as readonly Argument[];
        const resolved = this.#resolveAll(String(inner), rest);
        return resolved === undefined ? undefined : [inner, ...resolved];
      });
      return steps.includes(undefined) ? undefined : steps;
    }
    const resolved = args.map((arg) => this.#resolve(arg));
    if (resolved.includes(undefined)) return undefined;
    if (NAMING.has(op)) resolved[0] = this.#prefix + String(resolved[0]);
    if ((op === 'call' || op === 'cast') && typeof args[0] === 'string') resolved[0] = { name: this.#prefix + args[0] };
    if (op === 'start_server') {
      resolved[2] = (resolved[2] as unknown[]).map((flag) =>
        typeof flag === 'string' ? flag : ['named', this.#prefix + (flag as string[])[1]],
      );
    }
    return WITH_PLACE.has(op) ? [...resolved, this.#place(String(args[0]))] : resolved;
  }

  #resolve(argument: Argument): unknown {
    if (isList(argument)) return argument.map((item) => this.#resolve(item));
    if (typeof argument !== 'object') return argument;
    if ('p' in argument) return this.#pids.get(argument.p);
    return 'r' in argument ? this.#refs.get(argument.r) : this.#members.get(argument.child);
  }

  #place(name: string): number | 'home' {
    return this.#world.places[name.charCodeAt(0) % this.#world.places.length] ?? 'home';
  }

  /** Undefined where the actor ended before it answered. */
  async #ask(to: Pid, op: string, args: readonly unknown[]): Promise<Result | undefined> {
    const order = this.#director.makeRef();
    const ref = this.#director.monitor(to);
    this.#director.send<Order>(to, { order, from: this.#director.pid, op, args });
    const answer = await this.#director.receive({
      match: (message): message is Done | DownMessage =>
        isDown(message) ? message.ref === ref : (message as Done).done === order,
    });
    if (isDown(answer)) return undefined;
    this.#director.demonitor(ref, { flush: true });
    return answer.result;
  }

  /** Every signal arrives, and every supervisor has done what follows from it. */
  async #settle(): Promise<void> {
    for (;;) {
      const before = this.#ofMembers.length;
      await this.#world.settle();
      for (const supervisor of this.#supervisors) {
        await whichChildren(this.#director, supervisor).catch(() => this.#supervisors.delete(supervisor));
      }
      await this.#world.settle();
      if (this.#ofMembers.length === before) break;
    }
    for (;;) {
      const down = await this.#director.receive({ timeoutMs: 0, match: isDown }).catch(() => undefined);
      if (down === undefined) return;
      const name = this.#names.get(this.#watchers.get(down.ref) ?? '');
      if (name !== undefined) this.#ends.set(name, down.reason);
    }
  }

  stopping(id: string, reason: ExitReason): Promise<never> | undefined {
    this.#ofMembers.push(`  terminate ${id} ${this.#reason(reason)}`);
    return this.#hanging.has(id) ? new Promise(() => {}) : undefined;
  }

  starting(pid: Pid, id: string): string {
    this.#ofMembers.push(`  init ${id}`);
    this.#members.set(id, pid);
    this.#names.set(pid, id);
    const [verdict = 'ready', ...more] = this.#verdicts.get(id) ?? [];
    this.#verdicts.set(id, more);
    return String(verdict);
  }

  #enter(name: string, pid: Pid): void {
    this.#pids.set(name, pid);
    this.#names.set(pid, name);
    this.#watchers.set(this.#director.monitor(pid), pid);
  }

  #label(label: string, ref: Ref): void {
    this.#refs.set(label, ref);
    this.#labels.set(ref, label);
  }

  /** Remembers the processes and refs that a result names. */
  #noted(result: Result): Result {
    if (typeof result !== 'object') return result;
    if ('all' in result) for (const one of result.all) this.#noted(one);
    else if ('spawned' in result) {
      const { spawned, name, lives, acts, ref, label } = result;
      if (acts) this.#actors.add(name);
      if (lives) this.#enter(name, spawned);
      else this.#names.set(spawned, name);
      if (ref !== undefined && label !== undefined) this.#label(label, ref);
      if (name.startsWith('sup')) this.#supervisors.add(spawned);
    } else if ('ref' in result) this.#label(result.label, result.ref);
    return result;
  }

  #render(result: Result): string {
    if (typeof result !== 'object') return String(result);
    if ('all' in result) return result.all.map((one) => this.#render(one)).join('; ');
    if ('pid' in result && !('fails' in result)) return this.#name(result.pid ?? '');
    if ('raises' in result) return `raises ${result.raises}`;
    if ('fails' in result) {
      return `fails ${this.#reason(result.fails)}${result.pid === undefined ? '' : ` ${this.#name(result.pid)}`}`;
    }
    if ('replied' in result) return `reply ${String(result.replied)}`;
    if ('children' in result) {
      return result.children.map(({ id, pid }) => `${id}=${pid === undefined ? 'stopped' : 'running'}`).join(' ');
    }
    if ('mail' in result) return `[${this.#mail(result.mail).join(', ')}]`;
    return 'ok';
  }

  /** Grouped by sender, because nothing is promised between senders; what the end of one sends has no order either. */
  #mail(messages: readonly unknown[]): string[] {
    const groups = new Map<string, { said: string[]; signals: string[] }>();
    const of = (sender: string) => {
      const group = groups.get(sender) ?? { said: [], signals: [] };
      groups.set(sender, group);
      return group;
    };
    for (const message of messages) {
      if (isExit(message)) {
        const name = this.#name(message.from);
        of(name).signals.push(`EXIT ${name} ${this.#reason(message.reason)}`);
      } else if (isDown(message)) {
        const name = message.name?.slice(this.#prefix.length) ?? this.#name(message.pid ?? '');
        of(name).signals.push(`DOWN ${this.#labels.get(message.ref)} ${name} ${this.#reason(message.reason)}`);
      } else if (typeof message === 'object' && message !== null && 'signal' in message) {
        const { ref, message: text } = message as unknown as { ref: Ref; message: string };
        of('timer').said.push(`timeout ${this.#labels.get(ref)} ${text}`);
      } else {
        const { by, text } = message as Letter;
        of(by).said.push(`${by}:${text}`);
      }
    }
    const senders = [...groups.keys()].sort((one, other) => (one < other ? -1 : 1));
    return senders.flatMap((sender) => [
      ...of(sender).said,
      ...of(sender).signals.sort((one, other) => (one < other ? -1 : 1)),
    ]);
  }

  #name(pid: string): string {
    return this.#names.get(pid) ?? 'stranger';
  }

  #reason(reason: unknown): string {
    if (typeof reason !== 'object' || reason === null) return String(reason);
    if ('error' in reason) {
      const { name, message } = reason.error as { name: string; message: string };
      return `${name === 'Thrown' ? 'thrown' : 'error'} ${message}`;
    }
    if ('alreadyStarted' in reason) return `already_started ${this.#name(String(reason.alreadyStarted))}`;
    if (!('shutdown' in reason)) return JSON.stringify(reason);
    const { shutdown } = reason;
    if (typeof shutdown !== 'object' || shutdown === null || !('failedToStartChild' in shutdown))
      return `shutdown ${shutdown}`;
    const { id, reason: why } = shutdown.failedToStartChild as { id: string; reason: unknown };
    return `failed_to_start_child ${id} ${this.#reason(why)}`;
  }
}

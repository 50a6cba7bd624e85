/**
 * Scenarios: what some actors do, one step after another, as data that both Erlang/OTP and Liminal can play.
 *
 * An actor does its step and answers; then every signal that follows from it arrives, before the next step. What
 * several steps of one actor do without a pause is one `batch`. A scenario is told as lines: each step with its
 * result, then what each actor has in its mailbox, or why it ended. Processes and refs are named as in the
 * scenario. Messages of different senders are not compared in order, nor what one end sends: nothing is promised
 * there. The actor `a` is there from the start, and steps of actors that have ended are left out.
 */

/** A process by its name in the scenario, a ref by its label, a child by its id. */
export type Reference = { readonly p: string } | { readonly r: string } | { readonly child: string };
export type Argument = string | number | boolean | Reference | readonly Argument[];
export type Step = readonly [actor: string, op: string, ...args: readonly Argument[]];

export interface Scenario {
  /** A sentence that begins with the ids of the statements that it is a case of. */
  readonly name: string;
  readonly steps: readonly Step[];
  /** Where Liminal differs by choice. */
  readonly differs?: Difference;
}

export interface Difference {
  /** `stricter`: it does what OTP's rule promises and OTP's practice does not. */
  readonly verdict: 'stricter' | 'different';
  /** An id in the row of docs/differences-from-otp.md that says why. */
  readonly because: string;
  /** Lines of OTP, and what stands in their place on Liminal; nothing else differs. */
  readonly lines: Readonly<Record<string, string>>;
}

/** What a scenario looks like where it was played. */
export type Observation = readonly string[];

export const p = (name: string): Reference => ({ p: name });
export const r = (label: string): Reference => ({ r: label });

/** A term that `io:read` takes; strings are atoms. */
export function toErlang(id: number, steps: readonly Step[]): string {
  const terms = steps.map(([actor, op, ...args]) => `{${atom(actor)},${atom(op)},${term(args)}}`);
  return `{${id},[${terms.join(',')}]}.\n`;
}

function term(argument: Argument): string {
  if (typeof argument === 'string') return atom(argument);
  if (typeof argument !== 'object') return String(argument);
  if (isList(argument)) return `[${argument.map(term).join(',')}]`;
  const [[kind = '', name] = []] = Object.entries(argument);
  return `{${kind},${atom(String(name))}}`;
}

function atom(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

export function isList(argument: Argument): argument is readonly Argument[] {
  return Array.isArray(argument);
}

/** The step as it stands in an observation. */
export function describeStep([actor, op, ...args]: Step): string {
  return [actor, op, ...args.map(describeArgument)].join(' ');
}

function describeArgument(argument: Argument): string {
  if (isList(argument)) return `(${argument.map(describeArgument).join(' ')})`;
  return typeof argument === 'object' ? String(Object.values(argument)[0]) : String(argument);
}

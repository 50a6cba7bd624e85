/**
 * Where another thread is, read through the inspector: the thread is paused for a moment, and goes on.
 *
 *   1. attach to the worker, from the main thread; 2. pause it, which happens at its next JavaScript instruction;
 *   3. read the frames of its stack, and look in their variables for the process that runs; 4. let it go on.
 *
 * A thread that is in native code (a file that is read, `Atomics.wait`) does not pause: after a while that is the
 * answer. Nothing is paused while the OS process is open to a debugger, because the thread may be in its hands.
 */
import { Session, url } from 'node:inspector';
import { systemEnvironment } from '../environment.js';
import type { Pid } from '../pid.js';

export interface ThreadStack {
  /** A line for each call, innermost first, or why it is not known. */
  readonly stack: string;
  /** The process whose code runs, where its `Self` is in sight. */
  readonly pid?: Pid;
  readonly label?: string;
}

/** A thread that has not paused by then runs no JavaScript, or hardly gets a processor. */
const PAUSE_TIMEOUT_MS = 3_000;

/** A thread that has paused answers at once, unless the machine is busy. */
const ANSWER_TIMEOUT_MS = 3_000;

const MAX_FRAMES = 32;

/** Classes of this package whose instances stand for the process that they belong to. */
const PROCESS_CLASSES: ReadonlySet<string> = new Set(['ProcessSelf', 'AttachedSelf', 'Process']);

interface RemoteObject {
  readonly className?: string;
  readonly objectId?: string;
  readonly value?: unknown;
}

interface Frame {
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber: number };
  readonly this: RemoteObject;
  readonly scopeChain: readonly { readonly type: string; readonly object: RemoteObject }[];
}

/** What the inspector says of a worker; `result` of an answer, `params` of an event. */
interface Told {
  readonly id?: number;
  readonly method?: string;
  readonly result?: { readonly result?: unknown };
  readonly params?: { readonly callFrames?: readonly Frame[]; readonly scriptId?: string; readonly url?: string };
}

/** Whether a debugger may be attached to threads of this OS process (`--inspect`, or `inspector.open`). */
export function isOpenToDebugger(): boolean {
  return url() !== undefined;
}

/** Never rejects. @param threadId Node's number of the worker. */
export async function stackOfThread(threadId: number): Promise<ThreadStack> {
  if (isOpenToDebugger()) return { stack: 'not read: the OS process is open to a debugger' };
  const session = new Session();
  try {
    session.connect();
    return await readStack(session, threadId);
  } catch (error) {
    return { stack: `not known: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    session.disconnect();
  }
}

async function readStack(session: Session, threadId: number): Promise<ThreadStack> {
  const worker = await attach(session, threadId);
  if (worker === undefined) return { stack: 'not known: the inspector does not reach the thread' };
  const paused = new Promise<readonly Frame[]>((resolve) => {
    worker.onPaused = resolve;
  });
  void worker.ask('Debugger.enable');
  void worker.ask('Debugger.pause');
  const frames = await within(PAUSE_TIMEOUT_MS, paused);
  if (frames === undefined)
    return { stack: 'no JavaScript ran for 3 s: it is in native code, or the machine is overloaded' };
  const shown = frames.slice(0, MAX_FRAMES);
  const process = await within(ANSWER_TIMEOUT_MS, findProcess(worker, shown));
  // Detaching lets the thread go on as well; asked for, it happens in order.
  void worker.ask('Debugger.resume');
  await within(ANSWER_TIMEOUT_MS, worker.ask('Debugger.disable'));
  return { stack: shown.map((frame) => lineOf(frame, worker.scripts)).join('\n'), ...process };
}

function lineOf({ functionName, location }: Frame, scripts: ReadonlyMap<string, string>): string {
  const file = scripts.get(location.scriptId) || '<anonymous>';
  return `at ${functionName || '<anonymous>'} (${file}:${location.lineNumber + 1}:${location.columnNumber + 1})`;
}

/** Innermost first: the process whose `Self` is nearest to what runs. */
async function findProcess(worker: AttachedWorker, frames: readonly Frame[]): Promise<Partial<ThreadStack>> {
  for (const frame of frames) {
    const scopes = frame.scopeChain.filter(({ type }) => type === 'local' || type === 'block' || type === 'closure');
    const variables = await Promise.all(scopes.map(({ object }) => worker.variables(object)));
    const found = [frame.this, ...variables.flat()].find(({ className }) => PROCESS_CLASSES.has(className ?? ''));
    if (found !== undefined) return worker.describe(found);
  }
  return {};
}

interface AttachedWorker {
  onPaused: (frames: readonly Frame[]) => void;
  /** URLs of what it has loaded. */
  readonly scripts: ReadonlyMap<string, string>;
  ask(method: string, params?: object): Promise<Told>;
  variables(scope: RemoteObject): Promise<readonly RemoteObject[]>;
  describe(process: RemoteObject): Promise<Partial<ThreadStack>>;
}

async function attach(session: Session, threadId: number): Promise<AttachedWorker | undefined> {
  let sessionId: string | undefined;
  const attached = new Promise<void>((resolve) => {
    session.on('NodeWorker.attachedToWorker', ({ params }) => {
      // Its id counts the workers of this session; only the title has Node's number of the thread.
      if (!params.workerInfo.title.startsWith(`[worker ${threadId}]`)) return;
      sessionId = params.sessionId;
      resolve();
    });
  });
  const waiting = new Map<number, (told: Told) => void>();
  let asked = 0;
  const scripts = new Map<string, string>();
  const worker: AttachedWorker = {
    scripts,
    onPaused: () => {},
    ask: (method, params = {}) =>
      new Promise((resolve) => {
        waiting.set(asked, resolve);
        const message = JSON.stringify({ id: asked++, method, params });
        session.post('NodeWorker.sendMessageToWorker', { sessionId: sessionId ?? '', message });
      }),
    async variables({ objectId }) {
      const { result } = await worker.ask('Runtime.getProperties', { objectId, ownProperties: true });
      const properties = (result?.result ?? []) as readonly { readonly value?: RemoteObject }[];
      return properties.flatMap(({ value }) => (value === undefined ? [] : [value]));
    },
    async describe({ objectId }) {
      const functionDeclaration = 'function() { return { pid: this.pid, label: this.label } }';
      const asks = { objectId, functionDeclaration, returnByValue: true };
      const { result } = await worker.ask('Runtime.callFunctionOn', asks);
      return ((result?.result as RemoteObject | undefined)?.value ?? {}) as Partial<ThreadStack>;
    },
  };
  session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
    if (params.sessionId !== sessionId) return;
    const told = JSON.parse(params.message) as Told;
    if (told.id !== undefined) waiting.get(told.id)?.(told);
    else if (told.method === 'Debugger.scriptParsed') scripts.set(told.params?.scriptId ?? '', told.params?.url ?? '');
    else if (told.method === 'Debugger.paused') worker.onPaused(told.params?.callFrames ?? []);
  });
  await new Promise<void>((resolve, reject) => {
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, (error) =>
      error ? reject(error) : resolve(),
    );
  });
  await within(ANSWER_TIMEOUT_MS, attached);
  return sessionId === undefined ? undefined : worker;
}

function within<T>(timeoutMs: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = systemEnvironment.setTimer(timeoutMs, () => resolve(undefined));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

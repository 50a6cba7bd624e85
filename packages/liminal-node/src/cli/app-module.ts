/**
 * The user's own program inside `start`: a module whose default export is the application of the node, or a
 * function that is called with the node and may return one.
 */
import { access } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ApplicationError, describeReason, type ErrorReason, isFailure, OptionError } from '@liminal-node/scheduler';
import { type App, appFault, faultOf } from '../application.js';
import { EXIT } from '../exit-code.js';
import type { LiminalNode } from '../node.js';
import { CliFailure, codeOf, sentence } from './failure.js';

/**
 * @param file a path relative to the working directory.
 * @throws CliFailure (app)
 */
export async function loadApp(file: string): Promise<App> {
  const path = resolve(file);
  const refuse = (cause: string): CliFailure => new CliFailure(EXIT.app, `The app ${file} does not load: ${cause}`);
  await access(path).catch(() => {
    throw refuse(`there is no file ${path} that can be read. The path of --app is relative to the working directory.`);
  });
  const module = (await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw refuse(loadCause(error));
  })) as { default?: unknown };
  const fault = module.default === undefined ? 'is missing' : appFault(module.default);
  if (fault !== undefined) {
    throw refuse(
      `its default export ${fault}. Write: export default defineSupervisor(import.meta.url, …), or: export default async function (node) { … }`,
    );
  }
  return module.default as App;
}

/** Where other nodes find modules of the app: below the working directory, or its own folder where that is elsewhere. */
export function applicationRootOf(file: string | undefined): string {
  const folder = file === undefined ? '.' : dirname(resolve(file));
  const rest = relative('.', folder);
  return isAbsolute(rest) || rest.split(sep)[0] === '..' ? folder : resolve('.');
}

/** @throws CliFailure (app) */
export async function runApp(app: App, file: string, node: LiminalNode): Promise<void> {
  try {
    await node.startApp(app);
  } catch (error) {
    throw new CliFailure(EXIT.app, `The app ${file} failed: ${failure(error)}. The node was stopped.`, {
      cause: error,
    });
  }
}

function failure(error: unknown): string {
  if (error instanceof OptionError) return `what its default export returned ${faultOf(error)}`;
  if (!(error instanceof ApplicationError)) return describe(error);
  const { child, reason, cause } = error;
  if (cause !== undefined) return `its default export threw ${describe(cause)}`;
  const who = child === undefined ? 'its top supervisor' : `its child "${child}"`;
  const { stack } = isFailure(reason) ? (reason as ErrorReason).error : {};
  const place = placeOf({ stack: stack ?? '' });
  return `${who} did not start: ${describeReason(reason)}${place === undefined ? '' : ` (${place})`}`;
}

function loadCause(error: unknown): string {
  if (codeOf(error) === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return `${sentence(messageOfFirstLine(error))} Compile it to JavaScript first, or start node with a loader, for instance NODE_OPTIONS="--import tsx".`;
  }
  return `${sentence(describe(error))}`;
}

/** Name and message of a thrown value and, because it is the user's own code, the one place where it happened. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = placeOf(error);
  return `${error.name}: ${messageOfFirstLine(error)}${place === undefined ? '' : ` (${place})`}`;
}

function messageOfFirstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

/** A syntax error's place is the first line of its stack; any other's is that of the first frame. */
function placeOf({ stack = '' }: Pick<Error, 'stack'>): string | undefined {
  const first = /^file:\/\/\S+:\d+$/m.exec(stack.split('\n', 1)[0] ?? '');
  if (first !== null) return first[0];
  // The frames of a loader are not what the user wrote.
  const frames = stack.split('\n').filter((line) => !line.includes('/node_modules/'));
  return frames
    .map((line) => /^\s+at .*?(file:\/\/[^\s)]+:\d+:\d+)/.exec(line)?.[1])
    .find((place) => place !== undefined);
}

/**
 * The user's own program inside `start`: a module whose default export is called with the node.
 */
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EXIT } from '../exit-code.js';
import type { LiminalNode } from '../node.js';
import { CliFailure, codeOf, sentence } from './failure.js';

/** The default export of a module for `--app`. What it returns is awaited before the node says that it is ready. */
export type App = (node: LiminalNode) => unknown;

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
  if (typeof module.default !== 'function') {
    throw refuse(`its default export is ${kindOf(module.default)}; write: export default async function (node) { … }`);
  }
  return module.default as App;
}

/** @throws CliFailure (app) */
export async function runApp(app: App, file: string, node: LiminalNode): Promise<void> {
  try {
    await app(node);
  } catch (error) {
    throw new CliFailure(
      EXIT.app,
      `The app ${file} failed: its default export threw ${describe(error)}. The node was stopped.`,
      { cause: error },
    );
  }
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
function placeOf({ stack = '' }: Error): string | undefined {
  const first = /^file:\/\/\S+:\d+$/m.exec(stack.split('\n', 1)[0] ?? '');
  if (first !== null) return first[0];
  // The frames of a loader are not what the user wrote.
  const frames = stack.split('\n').filter((line) => !line.includes('/node_modules/'));
  return frames
    .map((line) => /^\s+at .*?(file:\/\/[^\s)]+:\d+:\d+)/.exec(line)?.[1])
    .find((place) => place !== undefined);
}

function kindOf(value: unknown): string {
  return value === undefined ? 'missing' : `no function but ${value === null ? 'null' : `of type ${typeof value}`}`;
}

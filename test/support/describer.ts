/** A process that tells what its messages look like where it lives. */
import { inspect } from 'node:util';
import { defineProcess, type Pid } from 'liminal-node';

/** A value in words: two values that look alike have the same words, in whatever thread or node. */
export function describeValue(value: unknown): string {
  return inspect(value, {
    depth: null,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: 120,
    showHidden: false,
  });
}

export interface Description {
  readonly looks: string;
  /** What its first object, the deepest along the first keys, says to a change; undefined where there is none. */
  readonly change: string | undefined;
}

/** Tells `observer` of each message. */
export const describer = defineProcess(
  import.meta.url,
  'describer',
  (self, observer: Pid<Description>) => (message) => {
    const looks = describeValue(message);
    self.send(observer, { looks, change: changeDeepest(message) });
  },
);

/** Adds a property to the deepest plain object or array along the first keys. @returns the name of what that throws. */
export function changeDeepest(value: unknown): string | undefined {
  let deepest: unknown;
  for (let at = value; isContainer(at); at = Object.values(at)[0]) deepest = at;
  if (deepest === undefined) return undefined;
  try {
    (deepest as Record<string, unknown>)['added'] = 'later';
    return 'nothing: it was changed';
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

function isContainer(value: unknown): value is object {
  return Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]';
}

/**
 * Where a text stops being JSON. `JSON.parse` says so only sometimes, and in words that differ between
 * versions of Node; a person who has a line of 2,000 characters needs the column.
 */

export interface JsonFault {
  /** Position in the text, from 0; its length where the text ends too early. */
  readonly position: number;
  /** What is wrong there, for people. */
  readonly what: string;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these within a string.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\n\r]*/y;

/** The first place where `text` is no JSON value, or undefined where it is one. Any depth; no recursion. */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: ('[' | '{')[] = [];
  let position = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = position;
    if (!pattern.test(text)) return false;
    position = pattern.lastIndex;
    return true;
  };
  const next = (): string => {
    take(SPACE);
    return text[position] ?? '';
  };
  const fault = (expected: string): JsonFault => ({ position, what: describe(text, position, expected) });
  const key = (): JsonFault | undefined => {
    if (next() !== '"') return fault('a key in double quotes');
    if (!take(STRING)) return stringFault(text, position);
    if (next() !== ':') return fault('":" after the key');
    position += 1;
    return undefined;
  };

  for (;;) {
    // A value starts here.
    const start = next();
    if (start === '[' || start === '{') {
      position += 1;
      const close = start === '[' ? ']' : '}';
      if (next() === close) {
        position += 1;
      } else {
        open.push(start);
        const wrong = start === '{' ? key() : undefined;
        if (wrong !== undefined) return wrong;
        continue;
      }
    } else if (start === '"') {
      if (!take(STRING)) return stringFault(text, position);
    } else if (!take(NUMBER) && !take(WORD)) {
      return fault('a value');
    }
    // A value has ended here: close what it closes, until another one must follow.
    for (;;) {
      const after = next();
      const inside = open.at(-1);
      if (inside === undefined) return after === '' ? undefined : fault('the end');
      if (after === ',') {
        position += 1;
        const wrong = inside === '{' ? key() : undefined;
        if (wrong !== undefined) return wrong;
        break;
      }
      const close = inside === '[' ? ']' : '}';
      if (after !== close) return fault(`"," or "${close}"`);
      position += 1;
      open.pop();
    }
  }
}

function describe(text: string, position: number, expected: string): string {
  const code = text.codePointAt(position);
  if (code === undefined) return `it ends where ${expected} should follow`;
  return `${JSON.stringify(String.fromCodePoint(code))} stands where ${expected} should`;
}

function stringFault(text: string, start: number): JsonFault {
  for (let position = start + 1; position < text.length; position += 1) {
    const character = text[position] as string;
    if (character < ' ') {
      return { position, what: `the string has a bare control character (${JSON.stringify(character)})` };
    }
    if (character !== '\\') continue;
    if (!/^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(text.slice(position, position + 6))) {
      return { position, what: 'the string has an escape that JSON does not know' };
    }
    position += 1;
  }
  return { position: text.length, what: 'it ends within a string' };
}

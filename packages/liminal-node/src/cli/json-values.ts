/**
 * JSON values out of an argument or out of a stream with one value a line. A fault names line and column.
 */
import { EXIT } from '../exit-code.js';
import { CliFailure } from './failure.js';
import { findJsonFault } from './json-fault.js';

/** A longer line is refused before it fills the memory. In characters. */
export const MAX_LINE_LENGTH = 16 * 1024 * 1024;

export interface JsonValue {
  readonly value: unknown;
  /** From 1. */
  readonly line: number;
  /** Of its text, in characters. */
  readonly length: number;
}

/**
 * @param where names the text in the error, for instance `line 3`.
 * @param advice a sentence to add.
 * @throws CliFailure (usage) that quotes the text around the fault.
 */
export function parseJson(text: string, where: string, advice = ''): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const { position, what } = findJsonFault(text) ?? { position: 0, what: 'it cannot be read' };
    throw new CliFailure(
      EXIT.usage,
      `${where} is not JSON: at column ${position + 1}, ${what}${excerpt(text, position)}. ${advice}`.trimEnd(),
    );
  }
}

/** The values of `chunks`, one a line, in order; empty lines do not count. Holds one line at a time. */
export async function* jsonLines(chunks: AsyncIterable<string>): AsyncGenerator<JsonValue> {
  let line = 0;
  for await (const text of splitLines(chunks)) {
    line += 1;
    if (text.trim() !== '') yield { value: parseJson(text, `line ${line}`), line, length: text.length };
  }
}

/** Lines without their LF; the last one needs none. The CR of a CRLF is white space to JSON. */
async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let pieces: string[] = [];
  let length = 0;
  let count = 0;
  const grow = (piece: string): void => {
    length += piece.length;
    if (length > MAX_LINE_LENGTH) {
      throw new CliFailure(
        EXIT.usage,
        `line ${count + 1} is longer than ${MAX_LINE_LENGTH} characters; write one JSON value on each line.`,
      );
    }
    pieces.push(piece);
  };
  const cut = (): string => {
    const text = pieces.join('');
    pieces = [];
    length = 0;
    count += 1;
    return text;
  };
  for await (const chunk of chunks) {
    const parts = chunk.split('\n');
    const rest = parts.pop() ?? '';
    for (const part of parts) {
      grow(part);
      yield cut();
    }
    grow(rest);
  }
  if (length > 0) yield cut();
}

/** A colon and the text around a position, short enough for one line of a terminal. */
function excerpt(text: string, position: number): string {
  if (text === '') return '';
  const from = Math.max(0, position - 20);
  const to = Math.min(text.length, position + 20);
  // The fault may be a control character, which must not reach the terminal as it is.
  const shown = text.slice(from, to).replaceAll(/[^\P{C}]/gu, '?');
  return `: ${from > 0 ? '…' : ''}${shown}${to < text.length ? '…' : ''}`;
}

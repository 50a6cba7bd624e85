import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonLines, MAX_LINE_LENGTH, parseJson } from '../src/cli/json-values.js';

async function* chunks(...texts: string[]): AsyncGenerator<string> {
  yield* texts;
}

async function values(...texts: string[]): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { value, line } of jsonLines(chunks(...texts))) all.push([line, value]);
  return all;
}

describe('JSON values a line', () => {
  it('come in order with their line numbers, however the text is cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.json(), { maxLength: 10 }), fc.array(fc.nat(200)), async (lines, cuts) => {
        const text = lines.join('\n');
        const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
        expect(await values(...pieces)).toEqual(lines.map((line, index) => [index + 1, JSON.parse(line)]));
      }),
    );
  });

  it('may have Windows line ends, empty lines between, and no end behind the last', async () => {
    expect(await values('1\r\n\n  \n{"a":', '2}')).toEqual([
      [1, 1],
      [4, { a: 2 }],
    ]);
    expect(await values('')).toEqual([]);
  });

  it('are given out before a later line is looked at, and the fault names line and column', async () => {
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const { value } of jsonLines(chunks('1\n2\n{"id":', 'oops}\n4\n'))) seen.push(value);
    })();
    await expect(reading).rejects.toMatchObject({
      exitCode: 2,
      message: 'line 3 is not JSON: at column 7, "o" stands where a value should: {"id":oops}.',
    });
    expect(seen).toEqual([1, 2]);
  });

  it('are refused when a line would fill the memory', async () => {
    async function* endless(): AsyncGenerator<string> {
      const chunk = '['.repeat(1024 * 1024);
      for (;;) yield chunk;
    }
    const reading = jsonLines(endless()).next();
    await expect(reading).rejects.toMatchObject({ exitCode: 2 });
    await expect(reading).rejects.toThrow(`line 1 is longer than ${MAX_LINE_LENGTH} characters`);
  });

  it('show only the surroundings of a fault, and no control characters', () => {
    const text = `"${'x'.repeat(500)}\u001b[31m${'y'.repeat(500)}"`;
    try {
      parseJson(text, 'The payload');
      expect.unreachable();
    } catch (error) {
      const { message } = error as Error;
      expect(message).toContain('at column 502');
      expect(message).not.toContain('\u001b');
      expect(message.length).toBeLessThan(300);
    }
  });
});

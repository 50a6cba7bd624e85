import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPid, formatRef, isPid, MAX_SERIAL, type NodeName, nodeOf, parseNodeName, parsePid } from '../src/pid.js';

const nodeName = fc
  .tuple(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), fc.stringMatching(/^[A-Za-z0-9.:_-]{1,190}$/))
  .map(([name, host]) => parseNodeName(`${name}@${host}`));

const parts = fc.record(
  {
    node: nodeName,
    creation: fc.integer({ min: 1, max: 0xffffffff }),
    thread: fc.integer({ min: 0, max: 0xffffffff }),
    serial: fc.integer({ min: 0, max: MAX_SERIAL }),
  },
  { noNullPrototype: true },
);

describe('a node name', () => {
  test.each(['a@b', 'my-node_1@127.0.0.1', 'a@::1', `${'a'.repeat(64)}@${'b'.repeat(190)}`])('may be %s', (text) => {
    expect(parseNodeName(text)).toBe(text);
  });

  test.each([
    '',
    'a',
    '@b',
    'a@',
    'a@b@c',
    'a b@c',
    'a#1@b',
    'é@b',
    'a@b\n',
    `${'a'.repeat(65)}@b`,
    `a@${'b'.repeat(191)}`,
  ])('may not be %j, and the error says what one looks like', (text) => {
    expect(() => parseNodeName(text)).toThrow(/write name@host/);
  });
});

describe('a pid', () => {
  test('is read back as the parts that it was made of', () => {
    fc.assert(
      fc.property(parts, (made) => {
        const pid = formatPid(made);
        expect(parsePid(pid)).toStrictEqual(made);
        expect(nodeOf(pid)).toBe(made.node);
        expect(isPid(pid)).toBe(true);
      }),
    );
  });

  test('differs where any of its parts differs', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = (Object.keys(one) as (keyof typeof one)[]).every((part) => one[part] === other[part]);
        expect(formatPid(one) === formatPid(other)).toBe(same);
      }),
    );
  });

  test.each([
    ['no node', '#1.0.0'],
    ['a bad node', 'a#1.0.0'],
    ['no creation', 'a@b#.0.0'],
    ['a creation of more than 32 bits', 'a@b#1z141z4.0.0'],
    ['a creation in capitals', 'a@b#A.0.0'],
    ['no serial', 'a@b#1.0'],
    ['a thread of more than 32 bits', 'a@b#1.4294967296.0'],
    ['a serial of more than 48 bits', `a@b#1.0.${MAX_SERIAL + 1}`],
    ['a number with a zero before it', 'a@b#1.00.0'],
    ['a negative number', 'a@b#1.-1.0'],
    ['something behind it', 'a@b#1.0.0 '],
    ['a line break behind it', 'a@b#1.0.0\n'],
    ['a reference', formatRef('a@b' as NodeName, 1, 0, 0)],
  ])('is refused with %s', (_, text) => {
    expect(parsePid(text)).toBeUndefined();
    expect(isPid(text)).toBe(false);
  });

  test('is refused where it is no text', () => {
    expect([null, undefined, 1, {}, ['a@b#1.0.0']].some(isPid)).toBe(false);
  });

  test('is refused, or made of the same parts again, whatever the text is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^a@b#[0-9a-z]{0,8}\.\d{0,11}\.\d{0,17}$/)), (text) => {
        const parsed = parsePid(text);
        if (parsed !== undefined) expect(parsePid(formatPid(parsed))).toStrictEqual(parsed);
      }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import {
  causeOfThrown,
  describeReason,
  isFailure,
  isThreadDown,
  portableReason,
  reasonOfThrown,
} from '../src/exit-reason.js';

const LONE_SURROGATE = '\ud800';

function hostile(): Error {
  return Object.defineProperty(new Error('x'), 'message', {
    get: () => {
      throw new Error('no');
    },
  });
}

describe('what an uncaught error becomes', () => {
  test('an error keeps name, message, code and stack', () => {
    const error = Object.assign(new RangeError('too far'), { code: 'E_FAR' });
    expect(reasonOfThrown(error)).toEqual({
      error: { name: 'RangeError', message: 'too far', code: 'E_FAR', stack: error.stack },
    });
  });

  test.each([
    ['text', 'oops', 'oops'],
    ['undefined', undefined, 'undefined'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an object without a prototype', Object.create(null), '[Object: null prototype] {}'],
    ['half of a surrogate pair', LONE_SURROGATE, '\ufffd'],
  ])('B4: %s that was thrown is named as such', (_, thrown, message) => {
    expect(reasonOfThrown(thrown)).toEqual({ error: { name: 'Thrown', message } });
  });

  test('nothing that is thrown makes it throw', () => {
    expect(reasonOfThrown(hostile())).toEqual({ error: { name: 'Thrown', message: 'a value that cannot be read' } });
  });

  test('is portable, whatever the error holds', () => {
    const reason = reasonOfThrown(Object.assign(new Error(LONE_SURROGATE), { code: LONE_SURROGATE, run: () => {} }));
    expect(portableReason(reason)).toBe(reason);
  });
});

describe('a reason that is told to others', () => {
  test('is what was given, frozen', () => {
    const reason = { shutdown: { step: 1 } };
    expect(portableReason(reason)).toBe(reason);
    expect(Object.isFrozen(reason.shutdown)).toBe(true);
    expect(portableReason('normal')).toBe('normal');
  });

  test.each([[{ run: () => {} }], [LONE_SURROGATE]])('is replaced where it is no portable value', (reason) => {
    expect(portableReason(reason)).toMatchObject({ error: { name: 'NotPortable' } });
  });

  test('is a failure only where it holds an error, whatever a peer has sent', () => {
    const values: unknown[] = [{ error: 1 }, null, undefined, 'error', 5, { shutdown: 1 }];
    expect(values.map(isFailure)).toEqual([true, false, false, false, false, false]);
  });
});

test('a reason is described in one line', () => {
  expect(describeReason('normal')).toBe('normal');
  expect(describeReason({ error: { name: 'TypeError', message: 'bad', stack: 'a\nb' } })).toBe('TypeError: bad');
  expect(describeReason({ count: 1n, error: null })).toBe('{ count: 1n, error: null }');
});

describe('the end of a thread', () => {
  const down = (more: object): object => ({ threadDown: { thread: 3, ...more } });
  const error = { name: 'TypeError', message: 'bad' };

  test.each([
    [down({ cause: 'error', error }), 'thread 3 ended: uncaught TypeError: bad'],
    [down({ cause: 'out_of_memory', error }), 'thread 3 ended: out of memory'],
    [down({ cause: 'exit', code: 7 }), 'thread 3 ended: it exited with code 7'],
    [down({ cause: 'terminated' }), 'thread 3 ended: it was terminated'],
    [down({ cause: 'blocked', blocker: { forMs: 30_000, stack: '' } }), /: blocked for 30000 ms by no process$/],
  ])('is known by its cause and described in one line: %j', (reason, line) => {
    expect(isThreadDown(reason)).toBe(true);
    expect(describeReason(reason as object as Record<string, unknown>)).toMatch(line);
  });

  test.each([
    [{ threadDown: null }],
    [{ threadDown: {} }],
    [down({ cause: 'error' })],
    [down({ cause: 'blocked' })],
    [down({ cause: 'unheard of' })],
    [down({ cause: 'exit', code: '7' })],
  ])('is not what a peer has made up: %j', (reason) => {
    expect(isThreadDown(reason)).toBe(false);
    expect(describeReason(reason as object as Record<string, unknown>)).toContain('threadDown');
  });

  test('has the error that nobody caught, and out of memory for its cause where that error says so', () => {
    expect(causeOfThrown('oops')).toEqual({ cause: 'error', error: { name: 'Thrown', message: 'oops' } });
    const full = Object.assign(new Error('full'), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
    expect(causeOfThrown(full)).toMatchObject({ cause: 'out_of_memory', error: { message: 'full' } });
  });
});

import { expect, test } from 'vitest';
import { limitLog } from '../src/log-limit.js';
import type { Logger } from '../src/logger.js';

function limited() {
  const lines: [level: string, fields: object, message: string][] = [];
  const keep =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push([level, fields, message]);
  const logger: Logger = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
  let now = 5_000;
  const pass = (ms: number): void => {
    now += ms;
  };
  return { lines, pass, log: limitLog(logger, { now: () => now }) };
}

test('twenty lines of a kind pass in ten seconds, and the last of them says so', () => {
  const { lines, pass, log } = limited();
  pass(0);
  log.error({ at: 0 }, 'failed');
  pass(4_000);
  for (let at = 1; at < 50; at++) log.error({ at }, 'failed');
  expect(lines).toHaveLength(20);
  expect(lines[18]).toEqual(['error', { at: 18 }, 'failed']);
  expect(lines[19]).toEqual(['error', { at: 19, quietMs: 6_000 }, 'failed']);
});

test('the first line after that says how many were left out, once', () => {
  const { lines, pass, log } = limited();
  for (let at = 0; at < 50; at++) log.warn({}, 'failed');
  pass(9_999);
  log.warn({}, 'failed');
  expect(lines).toHaveLength(20);
  pass(1);
  log.warn({}, 'failed');
  log.warn({}, 'failed');
  expect(lines.slice(20)).toEqual([
    ['warn', { leftOut: 31 }, 'failed'],
    ['warn', {}, 'failed'],
  ]);
});

test('lines of another level or text are of another kind', () => {
  const { lines, log } = limited();
  for (let at = 0; at < 30; at++) log.warn({}, 'failed');
  log.error({}, 'failed');
  log.warn({}, 'stopped');
  log.info({ some: 'fields' }, 'failed');
  log.debug({}, 'failed');
  expect(lines.slice(20)).toEqual([
    ['error', {}, 'failed'],
    ['warn', {}, 'stopped'],
    ['info', { some: 'fields' }, 'failed'],
    ['debug', {}, 'failed'],
  ]);
});

test('the kinds remembered are bounded', () => {
  const { lines, log } = limited();
  for (let at = 0; at < 30; at++) log.warn({}, 'first');
  for (let at = 0; at < 1_000; at++) log.warn({}, `other ${at}`);
  log.warn({}, 'first');
  expect(lines).toHaveLength(1_021);
});

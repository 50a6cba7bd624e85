/** Who has held the home thread is named afterwards: nobody could look at it meanwhile. */
import { channel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StallEvent } from '../../src/diagnostics.js';
import { environment, send, start } from '../lone-thread.js';

let stalls: StallEvent[];
const keep = (event: unknown): void => void stalls.push(event as StallEvent);
beforeEach(() => {
  stalls = [];
  channel('liminal:thread:stall').subscribe(keep);
});
afterEach(() => channel('liminal:thread:stall').unsubscribe(keep));

const worker = () => () => environment.spend(1_500);
const idler = () => () => {};

test('a process that holds the home thread longer than warnAfterMs is named, others are not', async () => {
  const { pid: idle } = await start(idler);
  const { pid } = await start(worker);
  for (const to of [idle, pid, idle]) await send(to, 'go');
  expect(stalls).toEqual([{ thread: 0, pid, label: 'worker', forMs: 1_500, stack: 'not known: it is over' }]);
});

test('is told without a name where it may have been another that ran as well', async () => {
  const { pid: idle } = await start(idler);
  const { pid } = await start(worker);
  await Promise.all([send(pid, 'go'), send(idle, 'go')]);
  expect(stalls).toEqual([{ thread: 0, forMs: 1_500, stack: 'not known: it is over' }]);
});

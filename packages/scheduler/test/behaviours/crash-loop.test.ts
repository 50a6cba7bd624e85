/** F11: a child that fails as soon as it runs, for as long as its supervisor starts it again. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { child, type Logger } from '@liminal-node/scheduler';
import { expect, test } from 'vitest';
import { World } from '../world.js';
import { crasher } from './fixtures/supervised-members.js';
import { Stage } from './fixtures/supervised-stage.js';

const MIB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('I8: ten thousand crashes leave the heap as it was and the log short, and end the supervisor (failure F11)', async () => {
  const lines = new Map<string, number>();
  const note = (_fields: object, message: string): void => void lines.set(message, (lines.get(message) ?? 0) + 1);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  await using world = await World.start(0, { logger });
  const stage = Stage.of(world);
  let restarts = 0;
  world.scheduler.watchSupervision(({ type }) => {
    if (type === 'restart') restarts++;
  });
  const loop = async (intensity: number): Promise<number> => {
    const supervisor = await stage.start({ children: [child(crasher, [])], intensity, periodMs: 3_600_000 });
    // It may have given up before it can be asked.
    expect(['shutdown', 'noproc']).toContain(await stage.ended(supervisor));
    await world.settle();
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await loop(1_000);
  const after = await loop(10_000);
  expect(restarts).toBe(11_000);
  expect(after - before).toBeLessThan(5 * MIB);
  // One loop may see the turn of a period or two.
  for (const [message, count] of lines) expect(count, message).toBeLessThanOrEqual(100);
  expect([...lines.keys()].sort()).toEqual([
    'a child was started again',
    'a supervisor gave up: it had to start children again too often',
    'process failed',
  ]);
});

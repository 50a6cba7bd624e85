import type { Environment } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { startDistribution } from '../src/distribution.js';
import { Gathering } from '../src/gathering.js';
import { nodeName, observe, sessionWith, TEST_FRAME, type TestNode } from './cluster.js';

/** One turn at a time. */
function turns(): { environment: Pick<Environment, 'setImmediate'>; end: () => number } {
  const waiting: (() => void)[] = [];
  return {
    environment: { setImmediate: (callback) => void waiting.push(callback) },
    end: () => {
      const due = waiting.splice(0);
      for (const callback of due) callback();
      return due.length;
    },
  };
}

describe('what is gathered in a turn', () => {
  test('is asked for once, at its end, of everybody who gathers', () => {
    const { environment, end } = turns();
    const gathering = new Gathering(environment as Environment);
    const called: string[] = [];
    gathering.add(() => called.push('one'));
    gathering.add(() => called.push('other'));
    expect(called).toEqual([]);
    expect(end()).toBe(1);
    expect(end()).toBe(0);
    expect(called).toEqual(['one', 'other']);
    gathering.add(() => called.push('again'));
    end();
    expect(called).toEqual(['one', 'other', 'again']);
  });

  test('is asked for before the next write, and not again when the turn ends', () => {
    const { environment, end } = turns();
    const gathering = new Gathering(environment as Environment);
    let calls = 0;
    gathering.add(() => calls++);
    gathering.end();
    expect(calls).toBe(1);
    end();
    expect(calls).toBe(1);
  });

  test('goes out before what was sent behind it, also where that is written at once', async () => {
    const start = async (name: string, seeds: string[]): Promise<TestNode> => {
      const listen = { host: '127.0.0.1', port: 0 };
      return observe(await startDistribution({ name: nodeName(name), creation: 1, cookie: 'secret', listen, seeds }));
    };
    await using a = await start('a', []);
    await using b = await start('b', [a.address]);
    const came: number[] = [];
    const all = new Promise<void>((resolve) => {
      b.onFrame(TEST_FRAME + 1, (_, body) => {
        if (came.push(body.length) === 3) resolve();
      });
    });
    for await (const { type } of a.membership()) if (type === 'up') break;
    const session = sessionWith(a, 'b');
    const gathered = (): void => void a.send(session, TEST_FRAME + 1, new Uint8Array(1), 'control');
    a.beforeWrite(gathered);
    // More than is worth a write before the turn ends.
    for (const length of [70_000, 3]) a.send(session, TEST_FRAME + 1, new Uint8Array(length), 'data');
    await all;
    expect(came).toEqual([1, 70_000, 3]);
  });
});

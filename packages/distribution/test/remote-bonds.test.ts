/** What OTP says of links, monitors and messages between nodes, where the connection is slow or is lost. */
import {
  type AttachedProcess,
  call,
  type ExitMessage,
  type ExitReason,
  isDown,
  isExit,
  type Pid,
  type Ref,
  startServer,
} from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { echo, idle, watching } from './fixtures/bonds.js';
import { TwoNodes } from './two-nodes.js';

/** Ends a process with that reason. */
function end(process: AttachedProcess, reason: ExitReason): void {
  try {
    process.exit(reason);
  } catch {
    // It leaves the code of whoever calls it, which here is the test.
  }
}

/** Everything in the mailbox. */
async function heard(process: AttachedProcess): Promise<unknown[]> {
  const messages: unknown[] = [];
  for (;;) {
    const message = await process.receive({ timeoutMs: 0 }).catch(() => undefined);
    if (message === undefined) return messages;
    messages.push(message);
  }
}

test('C8: a link over a connection that breaks ends with noconnection on both sides, and who traps exits lives', async () => {
  await using nodes = await TwoNodes.start();
  const [near, far] = [nodes.near.scheduler, nodes.far.scheduler];
  const pairs = [true, false].map((trapExit) => ({
    here: near.attach({ trapExit }),
    there: far.attach({ trapExit }),
  }));
  for (const { here, there } of pairs) here.link(there.pid);
  await nodes.take(50);
  nodes.cut();
  const [trapping, plain] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
  await nodes.until(async () => !(await near.isAlive(plain.here.pid)) && !(await far.isAlive(plain.there.pid)));
  expect(await heard(trapping.here)).toEqual([{ signal: 'exit', from: trapping.there.pid, reason: 'noconnection' }]);
  expect(await heard(trapping.there)).toEqual([{ signal: 'exit', from: trapping.here.pid, reason: 'noconnection' }]);
  expect(await near.isAlive(trapping.here.pid)).toBe(true);
});

describe('C11: over a slow connection the last of link and unlink holds on both sides', () => {
  test.each([
    ['link, unlink, link', ['link', 'unlink', 'link'], true],
    ['link, unlink', ['link', 'unlink'], false],
    ['link, unlink, link, unlink', ['link', 'unlink', 'link', 'unlink'], false],
  ] as const)('%s', async (_, calls, isLinked) => {
    // Every pace at which the other end may take in what is on its way between two calls.
    for (const steps of [0, 1, 2, 3, 5]) {
      await using nodes = await TwoNodes.start();
      const here = nodes.near.scheduler.attach({ trapExit: true });
      const there = nodes.far.scheduler.attach({ trapExit: true });
      for (const method of calls) {
        here[method](there.pid);
        await nodes.take(steps);
      }
      await nodes.take(60);
      end(there, 'the end');
      await nodes.take(60);
      const exit = { signal: 'exit', from: there.pid, reason: 'the end' };
      expect([steps, await heard(here)]).toEqual([steps, isLinked ? [exit] : []]);
    }
  });

  test('where both link and unlink at the same time, both agree', async () => {
    for (let seed = 0; seed < 64; seed++) {
      await using nodes = await TwoNodes.start();
      const here = nodes.near.scheduler.attach({ trapExit: true });
      const there = nodes.far.scheduler.attach({ trapExit: true });
      for (let at = 0; at < 6; at++) {
        const [from, to] = (seed >> at) & 1 ? [here, there] : [there, here];
        if ((seed * 7 + at) % 3 === 0) from.unlink(to.pid);
        else from.link(to.pid);
        await nodes.take((seed + at) % 4);
      }
      await nodes.take(60);
      const info = await Promise.all([
        nodes.near.scheduler.processInfo(here.pid),
        nodes.far.scheduler.processInfo(there.pid),
      ]);
      expect([seed, info[0]?.links.length]).toEqual([seed, info[1]?.links.length]);
    }
  });
});

describe.each([
  ['on the home thread', 0],
  ['on a scheduler thread', 1],
])('D16: exits and downs come before the word that the node is down, to a process %s', (_, threads) => {
  test('whatever it is that it hears first', async () => {
    await using nodes = await TwoNodes.start(threads);
    const { scheduler, distribution } = nodes.near;
    const there = nodes.far.scheduler.attach({ trapExit: true });
    await there.register('there');
    const observer = scheduler.attach();
    const watcher = await scheduler.spawn(watching, [observer.pid, there.pid], { trapExit: true });
    let isReady = false;
    void observer.receive().then(() => {
      isReady = true;
    });
    await nodes.until(() => isReady);
    distribution.onMembership('everyone', ({ type }) => scheduler.send(watcher, type));
    await nodes.take(60);
    nodes.cut();
    const order: unknown[] = [];
    void observer.receive<unknown[]>().then((told) => order.push(...told));
    await nodes.until(() => order.length > 0);
    expect(order).toEqual(['exit noconnection', 'down noconnection', 'down noconnection', 'node down']);
  });
});

test('D17: a reason of 5 MB arrives whole, and a message sent after it by another process comes before it', async () => {
  await using nodes = await TwoNodes.start();
  const [here, there, other] = [
    nodes.near.scheduler.attach(),
    nodes.far.scheduler.attach(),
    nodes.far.scheduler.attach(),
  ];
  const ref = here.monitor(there.pid);
  await nodes.take(50);
  const detail = 'x'.repeat(5 * 2 ** 20);
  end(there, { shutdown: detail });
  other.send(here.pid, 'small');
  const told: unknown[] = [];
  await nodes.until(async () => told.push(...(await heard(here))) >= 2);
  expect(told[0]).toBe('small');
  const [, down] = told as [unknown, { ref: Ref; reason: { shutdown: string } }];
  expect([down.ref === ref, down.reason.shutdown === detail]).toEqual([true, true]);
});

test('A12: over a connection that breaks and comes back an earlier message never arrives after a later one', async () => {
  await using nodes = await TwoNodes.start();
  const here = nodes.near.scheduler.attach();
  const there = nodes.far.scheduler.attach();
  const arrived: number[] = [];
  for (let number = 0; number < 400; number++) {
    here.send(there.pid, number);
    if (number % 3 === 0) await nodes.take(number % 5);
    if (number % 50 === 25) nodes.cut();
    if (number % 50 === 40) await nodes.connected();
  }
  await nodes.connected();
  await nodes.take(60);
  arrived.push(...((await heard(there)) as number[]));
  expect(arrived).toEqual([...arrived].sort((a, b) => a - b));
  expect(new Set(arrived).size).toBe(arrived.length);
  expect([arrived.length > 100, arrived.length < 400]).toEqual([true, true]);
});

// Links, monitors of pids and names, calls and spawns, each of which is owed exactly one answer.
test('conformance C8, D15, D19: a connection that is lost at whatever moment is told of exactly once', async () => {
  for (let steps = 0; steps < 30; steps++) {
    await using nodes = await TwoNodes.start();
    const [near, far] = [nodes.near.scheduler, nodes.far.scheduler];
    const { module, name } = idle;
    far.setSpawnPolicy({ resolve: () => ({ module, name }), spec: () => undefined });
    const there = far.attach({ trapExit: true });
    await there.register('there');
    const server = await startServer(there, echo, []);
    const here = near.attach({ trapExit: true });
    const caller = near.attach();
    here.link(there.pid);
    const refs = [here.monitor(there.pid), here.monitor({ name: 'there', node: far.node })];
    const settled: string[] = [];
    const settle = (what: string, work: Promise<unknown>): Promise<void> =>
      work.then(
        () => void settled.push(`${what} done`),
        (error: { reason?: unknown }) => void settled.push(`${what} ${error.reason}`),
      );
    void settle('call', call(caller, server, 'say', ['word'], { timeoutMs: Number.POSITIVE_INFINITY }));
    let child: Pid | undefined;
    const spawning = here.spawn({ spec: 'idle' }, [], { node: far.node, link: true });
    void spawning.then(
      (pid) => {
        child = pid;
      },
      () => {},
    );
    void settle('spawn', spawning);
    await nodes.take(steps);
    nodes.cut();
    const messages: unknown[] = [];
    const expected = (): number => 3 + (child === undefined ? 0 : 1);
    await nodes.until(async () => messages.push(...(await heard(here))) >= expected() && settled.length === 2);
    await nodes.connected();
    await nodes.take(60);
    messages.push(...(await heard(here)));
    const exits = messages.filter(isExit).map(({ from, reason }: ExitMessage) => [from, reason]);
    expect(new Map(exits as [Pid, unknown][])).toEqual(
      new Map([there.pid, ...(child === undefined ? [] : [child])].map((pid) => [pid, 'noconnection'])),
    );
    const downs = messages.filter(isDown).map(({ ref, reason }) => [ref, reason]);
    expect(new Set(downs.map(([ref]) => ref))).toEqual(new Set(refs));
    expect([exits.length, downs.length, settled.length]).toEqual([expected() - 2, 2, 2]);
    for (const how of settled) expect(how).toMatch(/^(call|spawn) (done|noconnection)$/);
    // Nothing lives on that was to be linked to somebody who cannot be told of.
    const left = (await far.snapshot()).processes;
    expect([...left.slice(0, left.length)].filter(({ label }) => label === 'idle')).toEqual([]);
  }
}, 120_000);

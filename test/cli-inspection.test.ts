/**
 * `ps`, `tree` and `trace` on a running node, which runs a supervision tree over its threads.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  type CliResult,
  DEADLINE_MS,
  type JsonLine,
  type NodeProcess,
  parseLine,
  runCli,
  startCli,
  startNodeProcess,
} from './support/cli.js';
import { LOADER } from './support/cluster.js';

const APP = fileURLToPath(new URL('./support/shop-app.ts', import.meta.url));

async function startShop(carts = 3): Promise<NodeProcess> {
  return startNodeProcess(['--threads', '2', '--app', APP], {
    nodeArgs: ['--import', LOADER],
    env: { SHOP_CARTS: String(carts) },
  });
}

const look = (node: NodeProcess, ...args: string[]): Promise<CliResult> => runCli([...args, '--connect', node.listen]);

async function lookJson(node: NodeProcess, ...args: string[]): Promise<JsonLine[]> {
  const { code, stdout, stderr } = await look(node, ...args, '--json');
  expect([code, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => parseLine(line) ?? {});
}

const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  const end = performance.now() + DEADLINE_MS;
  while (!(await isSo())) if (performance.now() > end) throw new Error('it has not come to be so');
};

describe('ps', () => {
  it('lists processes with what they run, where, and how they stand', async () => {
    await using shop = await startShop();
    const { code, stdout, stderr } = await look(shop, 'ps', '--limit', 'all');
    expect([code, stderr]).toEqual([0, '']);
    const [head = '', ...lines] = stdout.trimEnd().split('\n');
    expect(head.split(/\s{2,}/)).toEqual(['PID', 'PROCESS', 'THREAD', 'STATUS', 'MAILBOX', 'HANDLED', 'AGE']);
    expect(lines).toContainEqual(expect.stringMatching(/^1\.\d+ +till {2}shop-app\.ts#cart +1 +waiting +0 +0 +\d+ s$/));
    expect(lines).toContainEqual(expect.stringMatching(/^0\.\d+ +the shop +home +running /));
    expect(lines.at(-1)).toMatch(new RegExp(`^\\d+ processes on 3 threads of ${shop.name}$`));
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  });

  it('puts first what it is asked for, as much of it as it is asked for, and says what it left out', async () => {
    await using shop = await startShop();
    shop.cli.write('add\n'.repeat(5));
    const till = async (): Promise<JsonLine | undefined> =>
      (await lookJson(shop, 'ps', '--sort', 'pid', '--limit', 'all')).find(({ name }) => name === 'till');
    await until(async () => (await till())?.['handled'] === 5);
    const [first, ...others] = await lookJson(shop, 'ps', '--sort', 'handled', '--limit', '2');
    expect(others).toHaveLength(1);
    expect(Number(first?.['handled'])).toBeGreaterThanOrEqual(Number(others[0]?.['handled']));
    expect(await till()).toEqual({
      pid: expect.stringMatching(new RegExp(`^${shop.name}#`)),
      name: 'till',
      label: 'cart',
      current: 'shop-app.ts#cart',
      thread: 1,
      status: 'waiting',
      parent: expect.any(String),
      trapExit: false,
      messages: 0,
      bytes: 0,
      dropped: 0,
      handled: 5,
      links: 1,
      monitors: 0,
      watchers: 1,
      ageMs: expect.any(Number),
    });
    expect((await look(shop, 'ps', '--limit', '1')).stdout).toMatch(/; 1 shown, --limit all shows all$/);
  });

  it('lists more than go into one answer, each once', async () => {
    await using shop = await startShop(1_300);
    const rows = await lookJson(shop, 'ps', '--limit', 'all');
    const carts = rows.filter(({ current }) => current === 'shop-app.ts#cart');
    expect(carts).toHaveLength(1_301);
    expect(new Set(rows.map(({ pid }) => pid)).size).toBe(rows.length);
    const byAge = (await lookJson(shop, 'ps', '--limit', 'all', '--sort', 'age')).map(({ ageMs }) => Number(ageMs));
    expect(byAge).toEqual([...byAge].sort((a, b) => b - a));
    expect(await lookJson(shop, 'ps', '--sort', 'pid', '--limit', '600')).toHaveLength(600);
    const lines = await lookJson(shop, 'tree', '--children', 'all');
    expect(lines.filter(({ id }) => id === 'one of the carts')).toHaveLength(1_300);
  });
});

describe('tree', () => {
  it('draws supervisors and their children, wherever they run, with their restarts', async () => {
    await using shop = await startShop(23);
    shop.cli.write('crash\n');
    await until(async () => (await lookJson(shop, 'tree')).some(({ restarts }) => restarts === 1));
    const { code, stdout, stderr } = await look(shop, 'tree');
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.slice(0, 5)).toEqual([
      expect.stringMatching(/^SUPERVISOR +PID +STATUS +RESTARTS$/),
      expect.stringMatching(/^shop {2}one_for_one, 2 children +0\.\d+ +running$/),
      expect.stringMatching(/^├─ till +1\.\d+ +running$/),
      expect.stringMatching(/^└─ carts {2}simple_one_for_one, 23 children +2\.\d+ +running$/),
      expect.stringMatching(/^ {3}├─ one of the carts +[12]\.\d+ +running/),
    ]);
    expect(lines.filter((line) => /running +1$/.test(line))).toHaveLength(1);
    expect(lines.at(-1)).toBe('   └─ … 3 more');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
    const json = await lookJson(shop, 'tree', '--children', '1');
    expect(json).toMatchObject([
      { type: 'supervisor', depth: 0, id: null, name: 'shop', label: 'shop', strategy: 'one_for_one', children: 2 },
      { type: 'worker', depth: 1, id: 'till', status: 'running', restart: 'permanent', restarts: 0 },
      { type: 'more', depth: 1, count: 1 },
    ]);
  });

  it('says so where there are no supervisors', async () => {
    await using node = await startNodeProcess();
    expect(await look(node, 'tree')).toEqual({ code: 0, stdout: `${node.name} runs no supervisors`, stderr: '' });
  });
});

describe('trace', () => {
  it('shows what happens to a process as it happens, until its bound', async () => {
    await using shop = await startShop();
    await using trace = startCli(['trace', 'till', '--max', '3', '--connect', shop.listen]);
    expect(await trace.stderr.line('tracing')).toMatch(/for 10 seconds or 3 events; Ctrl-C ends it before$/);
    shop.cli.write('add\n');
    // The monitor of whoever calls, the call, and the reply.
    expect(await trace.exit()).toEqual({ code: 0, signal: null });
    const [monitor, request, answer, ...rest] = trace.stdout.lines;
    expect(rest).toEqual([]);
    expect(monitor).toMatch(/^ +\d+\.\d{3} s {2}< monitor {2}from 0\.\d+$/);
    expect(request).toMatch(/s {2}receive {4}\{ signal: "call", name: "add", args: \[2\], from: "a@/);
    expect(answer).toMatch(/s {2}send {7}\{ signal: "reply", value: 2 \} {2}to 0\.\d+$/);
    expect(trace.stderr.lines.at(-1)).toBe('ended: so many events were asked for; --max allows more');
  });

  it('takes the short pid that ps shows, prints JSON, and ends with the process', async () => {
    await using shop = await startShop();
    const rows = await lookJson(shop, 'tree');
    const pid = String(rows.find(({ id }) => id === 'one of the carts')?.['pid']);
    const short = pid.split('.').slice(-2).join('.');
    await using trace = startCli(['trace', short, '--json', '--connect', shop.listen]);
    expect(parseLine(await trace.stderr.line('tracing'))).toEqual({ event: 'tracing', pid });
    shop.cli.write('crash\n');
    expect(await trace.exit()).toEqual({ code: 0, signal: null });
    const events = trace.stdout.lines.map((line) => parseLine(line));
    expect(events.at(0)).toMatchObject({
      type: 'receive',
      message: expect.stringContaining('crash'),
      atMs: expect.any(Number),
    });
    expect(events.slice(-2)).toMatchObject([
      { type: 'exit', reason: 'Error: the cart broke' },
      { type: 'end', because: 'exit' },
    ]);
  });

  it('ends at Ctrl-C, and the node forgets it', async () => {
    await using shop = await startShop();
    await using trace = startCli(['trace', 'till', '--for', '3600', '--connect', shop.listen]);
    await trace.stderr.line('tracing');
    trace.signal('SIGINT');
    expect(await trace.exit()).toEqual({ code: 0, signal: null });
    await until(async () => (await lookJson(shop, 'ps', '--limit', 'all')).every(({ label }) => label !== 'trace'));
  });

  it('ends at the bound of time', async () => {
    await using shop = await startShop();
    const { code, stdout, stderr } = await look(shop, 'trace', 'till', '--for', '1');
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toContain('ended: the time is up');
  });

  it('is refused in a sentence where there is no such process', async () => {
    await using shop = await startShop();
    for (const [what, words] of [
      ['nobody', '"nobody" is neither a process of a@127.0.0.1 nor a name that one has there.'],
      ['1.999999', 'there is no process a@127.0.0.1#'],
      ['b@127.0.0.1#k1.1.1', 'is a process of b@127.0.0.1: connect to that node.'],
      ['a@127.0.0.1#1.1.1', 'its node has been started again since.'],
    ] as const) {
      const { code, stdout, stderr } = await look(shop, 'trace', what);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^liminal-node: .*\.$/);
      expect(stderr).toContain(words);
    }
  });
});

it.each([
  ['ps', '--sort', 'size', 'mailbox, bytes, dropped'],
  ['ps', '--limit', '0', 'a whole number from 1, or all'],
  ['tree', '--children', 'none', 'a whole number from 1, or all'],
  ['trace', '--for', '0', 'from 1 to 3600'],
  ['trace', '--max', '1000000', 'from 1 to 100000'],
])('%s refuses %s %s', async (command, flag, value, words) => {
  const { code, stdout, stderr } = await runCli([command, ...(command === 'trace' ? ['1.1'] : []), flag, value]);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(words);
});

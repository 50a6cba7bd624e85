/** The demo, which is the first thing that a user runs: it must end well, and leave nothing behind. */
import { describe, expect, it } from 'vitest';
import { parseLine, runCli, startCli } from './support/cli.js';

interface Account {
  readonly published: number;
  readonly sent: number;
  readonly received: number;
  readonly cut: number;
  readonly lost: number;
  readonly duplicated: number;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('the demo', () => {
  it('kills a node and brings it back, and loses and duplicates nothing', async () => {
    await using demo = startCli(['demo', '--json', '--seconds', '4', '--rate', '100']);
    const summary = await demo.event('summary', {}, { deadlineMs: 90_000 });
    expect(await demo.exit()).toEqual({ code: 0, signal: null });
    const { pairs, ...all } = summary as unknown as Account & { pairs: (Account & { from: string; to: string })[] };
    expect(all).toMatchObject({ lost: 0, duplicated: 0 });
    expect(pairs).toHaveLength(9);
    for (const pair of pairs) {
      expect(pair.sent).toBe(pair.received + pair.cut + pair.lost);
      expect(pair.received).toBeGreaterThan(0);
      // Only what goes to or comes from the killed node can be cut or not have been sent.
      if (!`${pair.from}${pair.to}`.includes('b@')) expect(pair).toMatchObject({ cut: 0, sent: pair.published });
    }
    const events = demo.stdout.lines.map((line) => parseLine(line)?.['event']);
    expect(events).toEqual([
      'starting',
      'flowing',
      'killed',
      'vanished',
      'restarting',
      'restarted',
      'summary',
      'stopping',
    ]);
  });

  it('reads well in a log', async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--seconds', '3', '--rate', '50']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/NODE\s+OS PROCESS\s+SEES\s+FROM a\s+FROM b\s+FROM c/);
    expect(stdout).toContain('Nothing was lost, nothing was duplicated.');
  });

  it('ends its nodes when it is interrupted', async () => {
    await using demo = startCli(['demo', '--seconds', '60']);
    const table = /^[abc]@127\.0\.0\.1\s+(\d+)/;
    const pids: number[] = [];
    await demo.stdout.waitFor('a row for each node', (line) => {
      const pid = table.exec(line)?.[1];
      if (pid !== undefined) pids.push(Number(pid));
      return pids.length >= 3 ? true : undefined;
    });
    demo.signal('SIGINT');
    expect(await demo.exit()).toEqual({ code: 0, signal: null });
    expect(pids.map(isRunning)).toEqual([false, false, false]);
  });
});

import type { Pid, ProcessRow } from '@liminal-node/scheduler';
import { describe, expect, it } from 'vitest';
import { processTable } from '../src/cli/ps-command.js';

function row(more: Partial<ProcessRow> = {}): ProcessRow {
  return {
    pid: 'a@127.0.0.1#k1.2.17' as Pid,
    thread: 2,
    status: 'waiting',
    current: 'shop.js#cart',
    label: 'cart',
    name: undefined,
    parent: undefined,
    trapExit: false,
    mailbox: { messages: 1_234_567, bytes: 0, dropped: 0 },
    handled: 0,
    links: 0,
    monitors: 0,
    watchers: 0,
    ageMs: 61_000,
    ...more,
  };
}

describe('the table of processes', () => {
  it('has what one looks for in columns', () => {
    expect(
      processTable([row(), row({ thread: 0, pid: 'a@127.0.0.1#k1.0.3' as Pid, status: 'ready' })], 80).split('\n'),
    ).toEqual([
      'PID   PROCESS       THREAD  STATUS     MAILBOX  HANDLED   AGE',
      '2.17  shop.js#cart  2       waiting  1,234,567        0  61 s',
      '0.3   shop.js#cart  home    ready    1,234,567        0  61 s',
    ]);
  });

  it.each([
    [{}, 'shop.js#cart'],
    [{ name: 'cart-1' }, 'cart-1  shop.js#cart'],
    [{ label: 'the cart of Ada' }, 'the cart of Ada  shop.js#cart'],
    [{ current: 'anonymous', label: 'anonymous' }, 'anonymous'],
    [{ current: 'my app', label: 'my app', name: 'app' }, 'app'],
  ])('calls a process %o %s', (more, called) => {
    const [, line = ''] = processTable([row(more)], 200).split('\n');
    expect(line.slice(6, line.search(/ 2 +waiting/)).trimEnd()).toBe(called);
  });

  it.each([60, 80, 120])('fits %i columns, whatever a process is called', (width) => {
    const long = row({
      name: 'n'.repeat(255),
      label: 'x'.repeat(200),
      current: `${'y'.repeat(100)}#${'z'.repeat(90)}`,
    });
    const lines = processTable([row(), long], width).split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(Math.max(width, 72));
    expect(lines.at(-1)).toContain('…');
  });

  it('lets no label move the cursor', () => {
    expect(processTable([row({ name: 'a\u001b[2Jb\nc' })], 80)).not.toMatch(/\p{Cc}(?!2\.17)/u);
  });
});

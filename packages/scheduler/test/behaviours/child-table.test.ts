import { expect, test } from 'vitest';
import { Child, ChildTable, type RunningChild } from '../../src/behaviours/child-table.js';
import type { Pid, Ref } from '../../src/pid.js';

const spec = { id: 'a', restart: 'permanent', significant: false } as never;
const life = (at: number): RunningChild => ({ pid: `pid ${at}` as Pid, monitor: `ref ${at}` as Ref, since: at });

test('a child is found by the pid and the monitor of its present life alone, so that no life is kept in mind', () => {
  const table = new ChildTable();
  const child = new Child('a', spec, []);
  table.add(child);
  for (const at of [1, 2]) {
    table.started(child, life(at));
    expect([table.ofPid(life(at).pid), table.ofMonitor(life(at).monitor)]).toEqual([child, child]);
    table.ended(child);
    expect([table.ofPid(life(at).pid), table.ofMonitor(life(at).monitor)]).toEqual([undefined, undefined]);
  }
  expect(table.ofLastPid(life(1).pid)).toBeUndefined();
  expect(table.ofLastPid(life(2).pid)).toBe(child);
  table.forget('a');
  expect(table.ofLastPid(life(2).pid)).toBeUndefined();
});

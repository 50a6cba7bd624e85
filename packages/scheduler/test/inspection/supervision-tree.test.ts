import { describe, expect, test } from 'vitest';
import { ROWS_PER_CHUNK } from '../../src/inspection/row-chunks.js';
import { SupervisionTree, type Supervisor } from '../../src/inspection/supervision-tree.js';
import { SupervisorRowWriter, type ThreadSupervisors } from '../../src/inspection/supervisor-rows.js';
import type { ChildView, SupervisorView } from '../../src/inspection/supervisor-view.js';
import type { Pid } from '../../src/pid.js';

const NODE = 'a@127.0.0.1#k1.';
const pidOf = (short: string): Pid => (NODE + short) as Pid;

function child(id: string, pid: string | undefined, type: 'worker' | 'supervisor' = 'worker'): ChildView {
  const running = pid === undefined ? undefined : { pid: pidOf(pid) };
  return {
    id,
    spec: { id: 'template', restart: 'transient', type },
    running,
    status: running === undefined ? 'restarting' : 'running',
    restarts: 2,
  };
}

function supervisor(
  children: readonly ChildView[],
  strategy: SupervisorView['init']['strategy'] = 'one_for_one',
): SupervisorView {
  return { init: { strategy }, restarts: 5, children: { byId: new Map(children.map((one) => [one.id, one])) } };
}

function threadOf(supervisors: Readonly<Record<string, SupervisorView>>): ThreadSupervisors {
  const writer = new SupervisorRowWriter(NODE);
  for (const [short, view] of Object.entries(supervisors)) {
    for (const _ of writer.add(pidOf(short), { label: `label ${short}`, name: undefined }, view));
  }
  return writer.take();
}

/** Ids with those below them. */
function outline(of: Supervisor): unknown[] {
  return [...of.children].map(({ id, supervisor: below }) => (below === undefined ? id : [id, outline(below)]));
}

describe('the supervision tree', () => {
  test('spans threads: a supervisor is below the one that has it as a child', () => {
    const tree = new SupervisionTree([
      threadOf({ '0.1': supervisor([child('a', '0.2'), child('b', '1.5', 'supervisor')]) }),
      threadOf({ '1.5': supervisor([child('c', '2.9', 'supervisor'), child('d', undefined)]), '1.8': supervisor([]) }),
      threadOf({ '2.9': supervisor([child('e', '0.3')]) }),
    ]);
    expect(tree.size).toBe(4);
    expect(tree.roots.map(({ pid, label }) => [pid, label])).toEqual([
      [pidOf('0.1'), 'label 0.1'],
      [pidOf('1.8'), 'label 1.8'],
    ]);
    expect(tree.roots.map(outline)).toEqual([['a', ['b', [['c', ['e']], 'd']]], []]);
    expect(tree.get(pidOf('1.5'))).toMatchObject({ strategy: 'one_for_one', restarts: 5, childCount: 2 });
  });

  test('says of each child how it stands', () => {
    const tree = new SupervisionTree([
      threadOf({ '0.1': supervisor([child('a', '1.123456789012'), child('b', undefined)]) }),
    ]);
    expect([...(tree.roots[0]?.children ?? [])]).toEqual([
      {
        id: 'a',
        pid: pidOf('1.123456789012'),
        status: 'running',
        restart: 'transient',
        type: 'worker',
        restarts: 2,
        supervisor: undefined,
      },
      {
        id: 'b',
        pid: undefined,
        status: 'restarting',
        restart: 'transient',
        type: 'worker',
        restarts: 2,
        supervisor: undefined,
      },
    ]);
  });

  test('shows a supervisor below one that has been missed as a root', () => {
    const tree = new SupervisionTree([threadOf({ '1.5': supervisor([child('c', '2.9', 'supervisor')]) })]);
    expect(tree.roots.map(outline)).toEqual([['c']]);
  });

  test('holds more children than fit a chunk, and dynamic ones have the id of their template', () => {
    const many = Array.from({ length: 2 * ROWS_PER_CHUNK + 1 }, (_, at) => child(`${at}`, `1.${at}`));
    const thread = threadOf({
      '0.1': supervisor([child('x', '0.9')]),
      '0.2': supervisor(many, 'simple_one_for_one'),
      '0.3': supervisor([child('y', '0.8')]),
    });
    const [, dynamic, last] = new SupervisionTree([thread]).roots;
    const children = [...(dynamic as Supervisor).children];
    expect(children.map(({ pid }) => pid)).toEqual(many.map(({ running }) => running?.pid));
    expect(new Set(children.map(({ id }) => id))).toEqual(new Set(['template']));
    expect(outline(last as Supervisor)).toEqual(['y']);
  });

  test('is written in short steps, and leaves out what is started meanwhile', () => {
    const writer = new SupervisorRowWriter(NODE);
    const children = new Map(
      Array.from({ length: ROWS_PER_CHUNK + 1 }, (_, at) => [`${at}`, child(`${at}`, `1.${at}`)]),
    );
    const view: SupervisorView = { init: { strategy: 'one_for_one' }, restarts: 0, children: { byId: children } };
    let steps = 0;
    for (const _ of writer.add(pidOf('0.1'), { label: '', name: undefined }, view)) {
      steps++;
      children.set(`late ${steps}`, child(`late ${steps}`, '1.99999'));
    }
    expect(steps).toBe(1);
    expect(new SupervisionTree([writer.take()]).roots[0]?.childCount).toBe(ROWS_PER_CHUNK + 1);
  });
});

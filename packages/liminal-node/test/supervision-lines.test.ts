import type { Pid, SupervisedChild, SupervisionTree, Supervisor } from '@liminal-node/scheduler';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawTree } from '../src/cli/tree-command.js';
import { supervisionLines } from '../src/supervision-lines.js';

/** A worker by its id, or a supervisor by its id and children. */
type Shape = string | Branch;
type Branch = [id: string, children: Shape[]];

let serial = 0;

function supervisorOf([id, shapes]: Branch): Supervisor {
  const children = shapes.map(childOf);
  const pid = `a@127.0.0.1#k1.1.${++serial}` as Pid;
  return {
    pid,
    label: id,
    name: undefined,
    strategy: 'one_for_one',
    restarts: 0,
    childCount: children.length,
    children,
  };
}

function childOf(shape: Shape): SupervisedChild {
  const supervisor = typeof shape === 'string' ? undefined : supervisorOf(shape);
  const id = typeof shape === 'string' ? shape : shape[0];
  const pid = supervisor?.pid ?? (id === 'stopped' ? undefined : (`a@127.0.0.1#k1.2.${++serial}` as Pid));
  const status = pid === undefined ? 'stopped' : 'running';
  const type = supervisor === undefined ? 'worker' : 'supervisor';
  return { id, pid, status, restart: 'permanent', type, restarts: id === 'flaky' ? 1_000 : 0, supervisor };
}

function draw(roots: Branch[], { maxChildren = 20, width = 80 } = {}): string[] {
  serial = 0;
  const tree = { roots: roots.map(supervisorOf) } as unknown as SupervisionTree;
  return drawTree([...supervisionLines(tree, maxChildren)], width).split('\n');
}

describe('the supervision tree', () => {
  it('is drawn with lines, with pids, states and restarts behind', () => {
    expect(
      draw([
        ['shop', ['stock', ['carts', ['flaky', ['deep', ['leaf']]]], 'stopped']],
        ['alone', []],
      ]),
    ).toEqual([
      'SUPERVISOR                         PID  STATUS   RESTARTS',
      'shop  one_for_one, 3 children      1.6  running',
      '├─ stock                           2.1  running',
      '├─ carts  one_for_one, 2 children  1.5  running',
      '│  ├─ flaky                        2.2  running     1,000',
      '│  └─ deep  one_for_one, 1 child   1.4  running',
      '│     └─ leaf                      2.3  running',
      '└─ stopped                         -    stopped',
      'alone  one_for_one, 0 children     1.7  running',
    ]);
  });

  it('leaves out children beyond the limit of each supervisor, and says how many', () => {
    const lines = draw([['root', ['a', ['b', ['c', 'd', 'e']], 'f', 'g']]], { maxChildren: 2 });
    expect(lines.map((line) => line.split('  ')[0])).toEqual([
      'SUPERVISOR',
      'root',
      '├─ a',
      '├─ b',
      '│',
      '│',
      '│',
      '└─ … 2 more',
    ]);
    expect(lines[6]).toBe('│  └─ … 1 more');
  });

  const shape: fc.Arbitrary<Shape> = fc.letrec<{ shape: Shape }>((tie) => ({
    shape: fc.oneof(
      { maxDepth: 4 },
      fc.string({ minLength: 1, maxLength: 100 }),
      fc.tuple(fc.constant('supervisor'), fc.array(tie('shape'), { maxLength: 4 })),
    ),
  })).shape;

  it('is one line for each, fits the width, and every branch is closed', () => {
    fc.assert(
      fc.property(fc.array(shape, { maxLength: 4 }), (children) => {
        const lines = draw([['root', children]]);
        expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
        for (const [at, line] of lines.entries()) {
          for (const { index } of line.slice(0, 24).matchAll(/[├│]/g)) expect(lines[at + 1]?.[index]).toMatch(/[├│└]/);
          const corner = line.search(/[├└]─/);
          if (corner >= 0 && corner < 20) expect(lines[at - 1]?.[corner] ?? ' ').not.toBe('└');
        }
      }),
    );
  });
});

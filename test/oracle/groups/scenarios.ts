/** Group scenarios with a point, each after a rule of `pg`. */
import { type GroupScenario, type GroupStep, NODES } from './scenario.js';

const mesh: GroupStep[] = NODES.flatMap((one) =>
  NODES.filter((other) => one < other).map((other): GroupStep => ['connect', one, other]),
);
const pair: GroupStep = ['connect', 'n1', 'n2'];
const times = <T>(count: number, item: T): T[] => Array<T>(count).fill(item);

export const SCENARIOS: readonly GroupScenario[] = [
  {
    name: 'P14, P20: a member is seen as often as it joined, before and after the connection',
    steps: [
      ...[['spawn', 'p', 'n1'], ['join', 'a', 'p', 'p'], pair, ['barrier'], ['join', 'a', 'p'], ['barrier']],
      ...[['leave', 'a', 'p', 'p'], ['leave', 'b', 'p'], ['barrier'], ['leave', 'a', 'p'], ['leave', 'a', 'p']],
      ['barrier'],
    ] as GroupStep[],
  },
  {
    name: 'P28: of 16 joins and 4 leaves 12 remain, and none when the node is lost',
    steps: [
      ...[['spawn', 'p', 'n1'], pair, ['join', 'a', ...times(16, 'p')], ['leave', 'a', ...times(4, 'p')], ['barrier']],
      ...[['kill', 'n1'], ['barrier'], ['start', 'n1'], pair, ['barrier']],
    ] as GroupStep[],
  },
  {
    name: 'P17, P18: what changes during three splits is seen on both sides after each heal',
    steps: [
      ...[
        ['spawn', 'p', 'n1'],
        ['spawn', 'q', 'n2'],
        ['spawn', 'r', 'n3'],
      ],
      ...mesh,
      ...[['join', 'a', 'p'], ['join', 'a', 'q'], ['join', 'b', 'r'], ['barrier']],
      ...[['disconnect', 'n1', 'n2'], ['barrier'], ['leave', 'a', 'p'], ['join', 'b', 'p', 'p'], ['end', 'q'], pair],
      ...[['barrier'], ['disconnect', 'n1', 'n3'], ['disconnect', 'n2', 'n3'], ['join', 'c', 'r'], ['barrier']],
      ...[['connect', 'n2', 'n3'], ['barrier'], ['connect', 'n1', 'n3'], ['barrier']],
      ...[['disconnect', 'n1', 'n2'], pair, ['join', 'c', 'p'], ['barrier']],
    ] as GroupStep[],
  },
  {
    name: 'P31: over a bridge nobody sees the members of the far end',
    steps: [
      ...[
        ['spawn', 'p', 'n1'],
        ['spawn', 'q', 'n3'],
        ['join', 'a', 'p'],
        ['join', 'a', 'q'],
      ],
      ...[pair, ['connect', 'n2', 'n3'], ['barrier'], ['end', 'p'], ['barrier'], ['kill', 'n2'], ['barrier']],
      ['start', 'n2'],
    ] as GroupStep[],
  },
  {
    name: 'P19: after deaths and cuts what is seen is exactly the living members',
    steps: [
      ...mesh,
      ...NODES.flatMap((node) => ['x', 'y', 'z'].map((name) => ['spawn', `${name}${node}`, node])),
      ...NODES.flatMap((node) => ['a', 'b', 'c'].map((group) => ['join', group, `x${node}`, `y${node}`, `z${node}`])),
      ['barrier'],
      ...NODES.flatMap((node) => [
        ['disconnect', node, node === 'n1' ? 'n4' : 'n1'],
        ['end', `y${node}`],
      ]).filter(([, one, other]) => one !== 'n4' || other !== 'n1'),
      ...[['leave', 'b', 'xn2', 'zn2'], ['barrier'], ['kill', 'n3'], ['barrier'], ['start', 'n3']],
      ...mesh.filter(([, one, other]) => one === 'n1' || one === 'n3' || other === 'n3'),
      ['barrier'],
    ] as GroupStep[],
  },
];

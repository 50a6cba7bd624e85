import { describe, expect, test } from 'vitest';
import { type CaseResult, differencesIn, idsOf, standingOf, tableOf } from './cases.js';
import { GROUPS, STATEMENTS } from './statements.js';

describe('the ids of a case', () => {
  test.each([
    ['A1: messages of one sender', ['A1']],
    ['D5, D7: a demonitor', ['D5', 'D7']],
    ['P14 P30 a member on another node', ['P14', 'P30']],
    ['J21 (differs): a callback that throws', ['J21']],
    ['keeps the reason (conformance K1 and K7)', ['K1', 'K7']],
    ['conformance C8, D15: both ends hear of it', ['C8', 'D15']],
    ['arrives once, in order (A2)', []],
    ['shows failures F15 and F16', []],
    ['B1ock', []],
    ['is none', []],
  ])('of name %#', (name, ids) => {
    expect(idsOf(name)).toEqual(ids);
  });
});

test('a difference is an id in parentheses', () => {
  expect([...differencesIn('| a failed call exits (J2, J3) | A1 | `send` (to anybody) (B16) |')]).toEqual([
    'J2',
    'J3',
    'B16',
  ]);
});

describe('the standing of a statement', () => {
  const [statement] = STATEMENTS as [(typeof STATEMENTS)[number]];
  const passed: CaseResult = { name: 'A1: one', state: 'passed' };
  const failed: CaseResult = { name: 'A1: two', state: 'failed' };
  const skipped: CaseResult = { name: 'A1: three', state: 'skipped' };

  test.each([
    ['holds', [passed, skipped], []],
    ['fails', [passed, failed], []],
    ['fails', [passed, failed], ['A1']],
    ['differs', [passed], ['A1']],
    ['no case', [skipped], []],
    ['no case', [{ name: 'A10: another', state: 'passed' }], []],
  ] as const)('%s', (standing, results, differences) => {
    expect(standingOf(statement, results, new Set(differences))).toBe(standing);
  });
});

test('the table has a row for each group, a sum, and the ids of what is not shown', () => {
  const results: CaseResult[] = STATEMENTS.filter(({ id }) => id !== 'E4').map(({ id }) => ({
    name: `${id}: shown`,
    state: id === 'C8' ? 'failed' : 'passed',
  }));
  const lines = tableOf(results, new Set(['A8', 'P35'])).split('\n');
  expect(lines).toHaveLength(GROUPS.length + 5);
  const cells = lines.map((line) => line.match(/ \d+/g)?.map(Number));
  expect(cells[2]).toEqual([14, 9, 1, 0, 0, 4, 4, 0, 0]);
  expect(cells[4]).toEqual([11, 7, 0, 0, 0, 4, 3, 0, 1]);
  expect(cells[6]).toEqual([6, 5, 0, 0, 1, 0, 0, 0, 0]);
  expect(cells[GROUPS.length + 2]).toEqual([233, 154, 1, 0, 1, 77, 75, 1, 1]);
  expect(lines.slice(-2)).toEqual(['Fail: C8', 'Have no case: E4']);
});

import { expect, test } from 'vitest';
import { Audience } from '../src/audience.js';
import { formatPid, type NodeName, type Pid } from '../src/pid.js';

const pid = (thread: number, serial: number): Pid =>
  formatPid({ node: 'a@host' as NodeName, creation: 1, thread, serial });

/** An audience, and what threads are told of it. */
function audienceAndTold(): { audience: Audience; told: unknown[][] } {
  const told: unknown[][] = [];
  return { audience: new Audience(5, { tellMember: (...each) => void told.push(each) }), told };
}

function members(audience: Audience): Record<number, Pid[]> {
  return Object.fromEntries([...audience.threads].map(([thread, each]) => [thread, [...each.values()] as Pid[]]));
}

test('members are kept by thread', () => {
  const { audience } = audienceAndTold();
  for (const each of [pid(0, 1), pid(2, 1), pid(2, 7)]) audience.add(each);
  expect(members(audience)).toEqual({ 0: [pid(0, 1)], 2: [pid(2, 1), pid(2, 7)] });
  expect(audience.size).toBe(3);
});

test('adding a member again changes nothing', () => {
  const { audience } = audienceAndTold();
  audience.add(pid(1, 1));
  audience.add(pid(1, 1));
  expect(audience.size).toBe(1);
});

test('the last member of a thread takes the thread along', () => {
  const { audience } = audienceAndTold();
  audience.add(pid(1, 1));
  audience.add(pid(2, 1));
  audience.delete(pid(1, 1));
  expect(members(audience)).toEqual({ 2: [pid(2, 1)] });
});

test('deleting whom it does not have changes nothing', () => {
  const { audience } = audienceAndTold();
  audience.add(pid(1, 1));
  audience.delete(pid(1, 2));
  audience.delete(pid(3, 1));
  expect(audience.size).toBe(1);
});

test('what is no pid is refused', () => {
  const { audience } = audienceAndTold();
  expect(() => audience.add('somebody' as Pid)).toThrow(TypeError);
  expect(() => audience.delete('somebody' as Pid)).toThrow(TypeError);
});

test('each thread is told once of each of its members that comes or goes', () => {
  const { audience, told } = audienceAndTold();
  audience.add(pid(1, 1));
  audience.add(pid(1, 1));
  audience.add(pid(2, 7));
  audience.delete(pid(1, 1));
  audience.delete(pid(1, 1));
  expect(told).toEqual([
    [1, 5, 1, true],
    [2, 5, 7, true],
    [1, 5, 1, false],
  ]);
});

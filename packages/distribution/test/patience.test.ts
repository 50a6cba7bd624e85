/** Timers that judge a peer, and are not to judge it by a stall of their own node. */
import { createVirtualEnvironment, type VirtualEnvironment } from '@liminal-node/scheduler/testing';
import { describe, expect, test } from 'vitest';
import { setPatientTimer } from '../src/patience.js';

/** What a timer of a second tells, where `disturb` is called before it and in each of the turns after it. */
async function told(disturb: (environment: VirtualEnvironment, turn: number) => void): Promise<number[]> {
  const environment = createVirtualEnvironment();
  const all: number[] = [];
  environment.setTimer(999, () => disturb(environment, 0));
  // Due with the timer and set before it, so that its turns come ahead of the timer's.
  environment.setTimer(1_000, () => {
    environment.setImmediate(() => {
      disturb(environment, 1);
      environment.setImmediate(() => disturb(environment, 2));
    });
  });
  setPatientTimer(environment, 1_000, (lateMs) => all.push(lateMs));
  await environment.advance(10_000);
  return all;
}

describe('a patient timer', () => {
  test('is on time where nothing stalls', async () => {
    expect(await told(() => {})).toEqual([0]);
  });

  test.each([
    [0, 'ahead of it'],
    [1, 'in the first turn after it'],
    [2, 'in the second turn after it'],
  ])('is late where the event loop stalls (turn %i): %s', async (at) => {
    const stalled = await told((environment, turn) => turn === at && environment.stall(3_000));
    expect(stalled).toEqual([at === 0 ? 2_999 : 3_000]);
  });

  test('tells that it is late when what came during the stall has been read', async () => {
    const environment = createVirtualEnvironment();
    const all: unknown[] = [];
    environment.setTimer(1_000, () => {
      environment.setImmediate(() => {
        environment.setImmediate(() => {
          environment.stall(3_000);
          environment.setImmediate(() => all.push('the sockets are read'));
        });
      });
    });
    setPatientTimer(environment, 1_000, (lateMs) => all.push(lateMs));
    await environment.advance(10_000);
    expect(all).toEqual(['the sockets are read', 3_000]);
  });

  test('says nothing once it is cancelled, also between its turns', async () => {
    const environment = createVirtualEnvironment();
    const all: number[] = [];
    const timer = setPatientTimer(environment, 1_000, (lateMs) => all.push(lateMs));
    environment.setTimer(1_000, () => environment.setImmediate(() => timer.cancel()));
    await environment.advance(10_000);
    expect(all).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { Heartbeat } from '../src/heartbeat.js';
import { LogLimiter } from '../src/log-limiter.js';
import { setPatientTimer } from '../src/patience.js';
import { createVirtualEnvironment } from '../src/testing.js';

describe('the heartbeat', () => {
  test('any byte is a sign of life, and only its lack for the whole timeout is silence', () => {
    const heartbeat = new Heartbeat(10_000, 0);
    expect([heartbeat.isSilent(9_999), heartbeat.isSilent(10_000)]).toEqual([false, true]);
    heartbeat.heard(5_000);
    expect([heartbeat.isSilent(14_999), heartbeat.isSilent(15_000)]).toEqual([false, true]);
  });

  test('measures the way there and back by the latest heartbeat alone', () => {
    const heartbeat = new Heartbeat(10_000, 0);
    heartbeat.acknowledged(0, 5);
    expect(heartbeat.roundTripMs).toBeUndefined();
    const first = heartbeat.beat(100);
    const second = heartbeat.beat(200);
    heartbeat.acknowledged(first, 210);
    expect(heartbeat.roundTripMs).toBeUndefined();
    heartbeat.acknowledged(second, 230);
    expect(heartbeat.roundTripMs).toBe(30);
  });
});

describe('a patient timer', () => {
  test('judges after two turns, so that bytes which were waiting have been read', async () => {
    const environment = createVirtualEnvironment();
    const order: string[] = [];
    setPatientTimer(environment, 100, () => order.push('judged'));
    // What the kernel holds is read in the turn after the timers of this turn.
    environment.setTimer(100, () => environment.setImmediate(() => order.push('read')));
    await environment.advance(100);
    expect(order).toEqual(['read', 'judged']);
  });

  test('says that it was late where its own loop stalled, and does not where it did not', async () => {
    const environment = createVirtualEnvironment();
    const late: boolean[] = [];
    setPatientTimer(environment, 100, (was) => late.push(was));
    await environment.advance(200);
    setPatientTimer(environment, 100, (was) => late.push(was));
    environment.stall(151);
    await environment.advance(0);
    expect(late).toEqual([false, true]);
  });

  test('can be cancelled even between the timer and the judgement', async () => {
    const environment = createVirtualEnvironment();
    let judged = false;
    const timer = setPatientTimer(environment, 100, () => {
      judged = true;
    });
    environment.setTimer(100, () => timer.cancel());
    await environment.advance(1_000);
    expect(judged).toBe(false);
  });
});

test('a log line repeats once a minute for each key, and the keys remembered are bounded', () => {
  const limiter = new LogLimiter();
  expect([limiter.allows('k', 0), limiter.allows('k', 59_999), limiter.allows('k', 60_000)]).toEqual([
    true,
    false,
    true,
  ]);
  for (let i = 0; i < 256; i++) limiter.allows(`other ${i}`, 60_001);
  expect(limiter.allows('k', 60_002)).toBe(true);
});

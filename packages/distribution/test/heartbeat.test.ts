import { describe, expect, test } from 'vitest';
import { Heartbeat } from '../src/heartbeat.js';
import { HEARTBEAT_PROFILES, heartbeatFigures } from '../src/heartbeat-profile.js';
import { LogLimiter } from '../src/log-limiter.js';
import { DEFAULTS } from '../src/options.js';
import { setPatientTimer } from '../src/patience.js';
import { createVirtualEnvironment } from '../src/testing.js';
import { createCluster, sessionWith } from './cluster.js';

/** What a profile sets of a node. */
function paced(profile: Parameters<typeof heartbeatFigures>[0]) {
  const { intervalMs, timeoutMs } = heartbeatFigures(profile);
  return { heartbeatIntervalMs: intervalMs, heartbeatTimeoutMs: timeoutMs, writeTimeoutMs: 3_600_000 };
}

describe('the heartbeat', () => {
  test('any byte is a sign of life; silence is its lack for the whole timeout after a question, while this node ran', () => {
    const heartbeat = new Heartbeat(10_000);
    expect(heartbeat.isSilent(1_000_000)).toBe(false);
    heartbeat.beat(5_000);
    heartbeat.beat(7_500);
    expect([heartbeat.isSilent(14_999), heartbeat.isSilent(15_000)]).toEqual([false, true]);
    heartbeat.heard();
    expect(heartbeat.isSilent(1_000_000)).toBe(false);
    heartbeat.beat(20_000);
    heartbeat.excuse(3_000);
    expect([heartbeat.isSilent(32_999), heartbeat.isSilent(33_000)]).toEqual([false, true]);
  });

  test('measures the way there and back by the latest heartbeat alone', () => {
    const heartbeat = new Heartbeat(10_000);
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

describe('a profile', () => {
  test('without a name is what a node does by default', () => {
    const { intervalMs, timeoutMs } = HEARTBEAT_PROFILES.default;
    expect([intervalMs, timeoutMs]).toEqual([DEFAULTS.heartbeatIntervalMs, DEFAULTS.heartbeatTimeoutMs]);
  });

  test.each(Object.keys(HEARTBEAT_PROFILES) as (keyof typeof HEARTBEAT_PROFILES)[])(
    '%s finds a frozen peer between its timeout and an interval more',
    async (profile) => {
      const { intervalMs, timeoutMs } = HEARTBEAT_PROFILES[profile];
      for (let seed = 1; seed <= 20; seed++) {
        const { environment, network, start } = createCluster(seed);
        const a = await start('a', paced(profile));
        const b = await start('b', { seeds: [a.address], ...paced('otp') });
        await environment.advance(7 * timeoutMs + (seed * intervalMs) / 20);
        network.silence(a.address);
        network.silence(b.address);
        await environment.advance(timeoutMs - 1);
        expect(a.events).toEqual(['up b@h']);
        await environment.advance(intervalMs + 1);
        expect(a.events).toEqual(['up b@h', 'down b@h silent']);
      }
    },
  );

  test('of one node takes nobody down who has another, and each keeps its own pace', async () => {
    const { environment, start } = createCluster();
    const a = await start('a', paced('otp'));
    const b = await start('b', { seeds: [a.address], ...paced('local') });
    const c = await start('c', { seeds: [a.address], ...paced({ intervalMs: 20, timeoutMs: 40 }) });
    await environment.advance(120_000);
    expect([a.events, b.events, c.events].map((events) => events.length)).toEqual([2, 2, 2]);
    // Of its heartbeats and the answers to those of the others, for two minutes.
    expect(sessionWith(a, 'b').roundTripMs).toBe(0);
    expect(b.counters.framesOut).toBeGreaterThan(2 * 120 * 4 - 2);
  });
});

describe('stalls of up to 60 % of the limit', () => {
  test('of one node or both, a thousand times at any moment, take nobody down (F70)', async () => {
    const { intervalMs, timeoutMs } = HEARTBEAT_PROFILES.default;
    const { environment, network, start } = createCluster(3);
    const a = await start('a');
    const b = await start('b', { seeds: [a.address] });
    await environment.advance(0);
    for (let stall = 0; stall < 1_000; stall++) {
      const ms = environment.random() * 0.6 * timeoutMs;
      // A peer that stalls sends nothing; a node that stalls itself does nothing either, and its timers are late.
      const own = environment.random() < 0.5;
      network.silence(a.address);
      if (own) environment.stall(ms);
      else await environment.advance(ms);
      network.restore(a.address);
      await environment.advance(environment.random() < 0.5 ? 0 : environment.random() * intervalMs);
    }
    expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
  });
});

test('a node that stalled for longer than the limit asks a peer that says little once more before it judges', async () => {
  const { environment, start } = createCluster();
  const a = await start('a');
  const b = await start('b', { seeds: [a.address], ...paced({ intervalMs: 600_000, timeoutMs: 1_200_000 }) });
  await environment.advance(1_000);
  environment.stall(30_000);
  await environment.advance(60_000);
  expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
});

test('an answer that is due is not held to be late for the time in which the node that asked did not run', async () => {
  const { environment, network, start } = createCluster();
  const a = await start('a', paced('default'));
  const b = await start('b', { seeds: [a.address], ...paced({ intervalMs: 600_000, timeoutMs: 1_200_000 }) });
  await environment.advance(1_000);
  network.silence(a.address);
  await environment.advance(3_000);
  environment.stall(30_000);
  await environment.advance(5_000);
  expect(a.events).toEqual(['up b@h']);
  network.restore(a.address);
  await environment.advance(60_000);
  expect([a.events, b.events]).toEqual([['up b@h'], ['up a@h']]);
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
    const late: number[] = [];
    setPatientTimer(environment, 100, (ms) => late.push(ms));
    await environment.advance(200);
    setPatientTimer(environment, 100, (ms) => late.push(ms));
    environment.stall(151);
    await environment.advance(0);
    expect(late).toEqual([0, 51]);
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

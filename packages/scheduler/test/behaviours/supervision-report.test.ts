/** What supervisors report of restarts, waits, kills and their own end, and what the node's log makes of it. */
import {
  type AttachedProcess,
  childTemplate,
  countChildren,
  type Logger,
  type SupervisionReport,
  startChild,
  terminateChild,
} from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { World } from '../world.js';
import { member } from './fixtures/supervised-members.js';
import { memberSpec, memberSpecs, Stage } from './fixtures/supervised-stage.js';

type Line = { level: string; fields: Record<string, unknown>; message: string };

describe.each([
  ['on one thread', 0],
  ['across threads', 2],
])('%s', (_, threads) => {
  let world: World;
  let stage: Stage;
  let lines: Line[];
  let reports: SupervisionReport[];
  beforeEach(async () => {
    lines = [];
    reports = [];
    const keep = (level: string) => (fields: object, message: string) =>
      void lines.push({ level, fields: { ...fields }, message });
    const logger: Logger = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
    world = await World.start(threads, { logger });
    world.scheduler.watchSupervision((report) => reports.push(report));
    stage = Stage.of(world);
  });
  afterEach(() => world.scheduler.stop());

  const last = (message: string) => lines.findLast((line) => line.message === message);

  test('a restart is told with its child, its cause, both pids and its number, and counted', async () => {
    const supervisor = await stage.start({ strategy: 'rest_for_one', children: memberSpecs('abc'), intensity: 9 });
    const before = await stage.pids(supervisor);
    await stage.end(before['b'], 'crash');
    await stage.logged('init c', 2);
    const after = await stage.pids(supervisor);
    const same = { type: 'restart', supervisor, name: 'family', because: 'b', reason: 'crash', restarts: 1 };
    expect(reports).toEqual([
      { ...same, child: 'b', pid: after['b'], formerPid: before['b'], failure: undefined },
      { ...same, child: 'c', pid: after['c'], formerPid: before['c'], failure: undefined },
    ]);
    expect(last('a child was started again')).toEqual({
      level: 'warn',
      fields: {
        supervisor: 'family',
        supervisorPid: supervisor,
        child: 'c',
        pid: after['c'],
        restarts: 1,
        because: 'b',
        reason: 'crash',
      },
      message: 'a child was started again',
    });
    expect(await countChildren(stage.self, supervisor)).toMatchObject({ restarts: 2 });
  });

  test('a start that fails is told with its fault, which is the cause of the next', async () => {
    const supervisor = await stage.start({ children: memberSpecs('a'), intensity: 9 });
    stage.verdicts.set('a', ['fail']);
    await stage.end((await stage.pids(supervisor))['a'], 'crash');
    await stage.logged('init a', 3);
    await stage.pids(supervisor);
    const fault = { error: expect.objectContaining({ message: 'a was told to fail' }) };
    expect(reports).toMatchObject([
      { pid: undefined, reason: 'crash', failure: fault, restarts: 1 },
      { reason: fault, failure: undefined, restarts: 2 },
    ]);
    expect(last('a child did not start again')?.fields).toMatchObject({ failure: 'RangeError: a was told to fail' });
  });

  test('a wait, the last restart and the end of a supervisor are told', async () => {
    const backOff = { minMs: 1, maxMs: 1 };
    const supervisor = await stage.start({ children: memberSpecs('a'), backOff, intensity: 1, periodMs: 3_600_000 });
    await stage.end((await stage.pids(supervisor))['a'], 'crash');
    await stage.logged('init a', 2);
    const gone = await stage.watch(supervisor);
    await stage.end((await stage.pids(supervisor))['a'], 'again');
    await gone.ended;
    expect(reports.map(({ type }) => type)).toEqual(['wait', 'restart', 'giveUp']);
    expect(last('a child waits to be started again')?.fields).toMatchObject({ child: 'a', reason: 'crash', waitMs: 1 });
    expect(last('a supervisor gave up: it had to start children again too often')).toMatchObject({
      level: 'error',
      fields: { supervisor: 'family', child: 'a', reason: 'again' },
    });
  });

  test('the end of a significant child is told, and is no fault', async () => {
    const spec = memberSpec('a', { restart: 'transient', significant: true });
    const supervisor = await stage.start({ children: [spec], autoShutdown: 'any_significant' });
    const gone = await stage.watch(supervisor);
    await stage.end((await stage.pids(supervisor))['a'], 'normal');
    await gone.ended;
    expect(lines).toMatchObject([{ level: 'info', fields: { child: 'a', reason: 'normal' } }]);
  });

  test('I14: a child that is killed because its time is up is told before its supervisor ends', async () => {
    const specs = [memberSpec('a', { traps: true, shutdown: 1 }), memberSpec('b', { shutdown: 'brutal_kill' })];
    const supervisor = await stage.start({ children: specs });
    const { a } = await stage.pids(supervisor);
    stage.gates.set('a', new Promise(() => {}));
    await stage.stop(supervisor);
    expect(reports).toEqual([{ type: 'kill', supervisor, name: 'family', child: 'a', pid: a, shutdownMs: 1 }]);
    expect(lines).toMatchObject([{ level: 'warn', fields: { child: 'a', shutdownMs: 1 } }]);
  });

  test('a dynamic child is told by the id of its template', async () => {
    const template = childTemplate(member, ['x'], { id: 'room' });
    const supervisor = await stage.start({ strategy: 'simple_one_for_one', children: [template] });
    const pid = await startChild(stage.self, supervisor, [false, '1']);
    await stage.end(pid, 'crash');
    await stage.logged('init x1', 2);
    await terminateChild(stage.self, supervisor, reports[0]?.type === 'restart' ? (reports[0].pid ?? '') : '');
    expect(reports).toMatchObject([{ child: 'room', formerPid: pid }]);
  });

  test('nobody hears of what comes after it has stopped to watch, and nonsense harms nobody', async () => {
    const seen: SupervisionReport[] = [];
    const stop = world.scheduler.watchSupervision((report) => seen.push(report));
    const supervisor = await stage.start({ children: memberSpecs('a'), intensity: 9 });
    stop();
    const liar: AttachedProcess = world.attach();
    await expect(liar.request('supervision', null)).rejects.toThrow();
    await stage.end((await stage.pids(supervisor))['a'], 'crash');
    await stage.logged('init a', 2);
    await stage.pids(supervisor);
    expect([seen.length, reports.length]).toEqual([0, 1]);
  });
});

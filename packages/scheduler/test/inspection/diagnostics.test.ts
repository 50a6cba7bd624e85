/** Events on diagnostics channels, as a subscriber on the home thread sees them. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { DIAGNOSTICS, type Scheduler, type Self, startSupervisor } from '@liminal-node/scheduler';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { family } from '../behaviours/fixtures/supervised-members.js';
import { memberSpec, Stage } from '../behaviours/fixtures/supervised-stage.js';
import { World } from '../world.js';

let world: World;
const cleanUp: (() => void)[] = [];

beforeEach(async () => {
  world = await World.start(0);
});
afterEach(async () => {
  for (const undo of cleanUp.splice(0)) undo();
  await world.scheduler.stop();
});

/** What is published from now on, in order: the channel's last word and the event. */
function published(...names: string[]): [name: string, event: unknown][] {
  const events: [string, unknown][] = [];
  for (const name of names) {
    const take = (event: unknown): void => void events.push([name.split(':').at(-1) ?? '', event]);
    subscribe(name, take);
    cleanUp.push(() => unsubscribe(name, take));
  }
  return events;
}

describe('events', () => {
  test('tell of spawns, drops and exits, in their order', async () => {
    const events = published('liminal:process:spawn', 'liminal:message:drop', 'liminal:process:exit');
    const { scheduler } = world;
    const pid = scheduler.spawnLocal(async (self: Self) => void (await self.receive()), [], { label: 'short-lived' });
    scheduler.send(pid, 'end');
    await world.settle();
    for (let at = 0; at < 3; at++) scheduler.send(pid, 'too late');
    await world.settle();
    const ofIt = events.filter(([name, event]) => name === 'drop' || (event as { pid: unknown }).pid === pid);
    expect(ofIt).toEqual([
      ['spawn', { pid, parent: undefined, label: 'short-lived', thread: 0 }],
      ['exit', { pid, label: 'short-lived', reason: 'normal', thread: 0 }],
      ['drop', { reason: 'no such process', count: 3, thread: 0 }],
    ]);
  });

  test('come when what they tell of is over: a subscriber finds the dead dead, and may act', async () => {
    const { scheduler } = world;
    const watcher = scheduler.attach();
    const found: unknown[] = [];
    const take = (event: unknown): void => {
      const { pid } = event as { pid: Parameters<Scheduler['processInfo']>[0] };
      void scheduler.isAlive(pid).then((alive) => {
        found.push(alive);
        scheduler.send(watcher.pid, 'told');
      });
    };
    subscribe('liminal:process:exit', take);
    cleanUp.push(() => unsubscribe('liminal:process:exit', take));
    const pid = scheduler.spawnLocal((self: Self) => self.exit('done'), []);
    const ref = watcher.monitor(pid);
    expect(await watcher.receive()).toMatchObject({ signal: 'down', ref, reason: 'done' });
    expect(await watcher.receive()).toBe('told');
    expect(found).toEqual([false]);
  });

  test('tell of the restarts of a supervisor, those that fail as well', async () => {
    const events = published('liminal:supervisor:restart');
    const stage = Stage.of(world);
    const supervisor = await startSupervisor(stage.self, family, [{ children: [memberSpec('a')], intensity: 5 }]);
    const before = await stage.pids(supervisor);
    expect(events).toEqual([]);
    stage.verdicts.set('a', ['fail']);
    await stage.end(before['a'], 'crash');
    await stage.logged('init a', 3);
    const { a: pid } = await stage.pids(supervisor);
    const common = { type: 'restart', supervisor, name: 'family', child: 'a', because: 'a' };
    expect(events).toMatchObject([
      ['restart', { ...common, pid: undefined, formerPid: before['a'], failure: expect.anything(), restarts: 1 }],
      ['restart', { ...common, pid, failure: undefined, restarts: 2 }],
    ]);
  });

  test('are on the channels that are documented', () => {
    expect(Object.values(DIAGNOSTICS).map(({ name }) => name)).toEqual([
      'liminal:process:spawn',
      'liminal:process:exit',
      'liminal:supervisor:restart',
      'liminal:thread:stall',
      'liminal:thread:down',
      'liminal:message:drop',
    ]);
  });
});

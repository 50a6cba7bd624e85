import { type Distribution, FrameType, startDistribution } from '@liminal-node/distribution';
import { type NodeName, type Pid, parseNodeName } from '@liminal-node/scheduler';
import { afterEach, describe, expect, test } from 'vitest';
import { type DistributionPort, type Pg, startPg } from '../src/index.js';
import { PG_RESYNC, PG_SNAPSHOT, PG_UPDATE } from '../src/wire.js';
import { MemoryProcesses } from './memory-network.js';

interface Running {
  readonly name: NodeName;
  readonly distribution: Distribution;
  readonly processes: MemoryProcesses;
  readonly pg: Pg;
  stop(): Promise<void>;
}

const running = new Set<Running>();

async function start(name: string, { creation = 1, seeds = [] as readonly (string | null)[] } = {}): Promise<Running> {
  const distribution = await startDistribution({
    name: parseNodeName(name),
    creation,
    cookie: 'a cookie for this test',
    listen: { host: '127.0.0.1', port: 0 },
    seeds: seeds.filter((seed) => seed !== null),
  });
  // The real one must fit as it is.
  const port: DistributionPort = distribution;
  const processes = new MemoryProcesses(distribution.name, creation);
  const pg = startPg({ scope: 'test', scheduler: processes, distribution: port });
  const node: Running = {
    name: distribution.name,
    distribution,
    processes,
    pg,
    stop: async () => {
      running.delete(node);
      await distribution.stop();
      pg.stop();
    },
  };
  running.add(node);
  return node;
}

afterEach(async () => {
  await Promise.all([...running].map((node) => node.stop()));
});

/** Resolves once `holds` does, which is looked at after every change. */
async function until(pg: Pg, holds: () => boolean): Promise<void> {
  for await (const _ of pg.changes()) if (holds()) return;
}

const equal = (one: readonly Pid[], other: readonly Pid[]) => [...one].sort().join() === [...other].sort().join();

describe('over real sockets', () => {
  test('the frame types are those of distribution’s table', () => {
    expect([PG_SNAPSHOT, PG_UPDATE, PG_RESYNC]).toEqual([
      FrameType.PG_SNAPSHOT,
      FrameType.PG_UPDATE,
      FrameType.PG_RESYNC,
    ]);
  });

  test('P15 P14 P16 P17 members that joined before are learned, later changes follow, and a node that is down is purged', async () => {
    const a = await start('a@127.0.0.1');
    const [early, twice] = [a.processes.spawn(), a.processes.spawn()];
    for (const pid of [early, twice, twice]) a.pg.join('g', pid);
    const b = await start('b@127.0.0.1', { seeds: [a.distribution.address] });
    await until(b.pg, () => equal(b.pg.members('g'), [early, twice, twice]));
    expect(b.pg.localMembers('g')).toEqual([]);
    expect(b.pg.nodes('g')).toEqual([a.name]);

    const late = a.processes.spawn();
    a.pg.join('g', late);
    a.pg.leave('g', twice);
    a.processes.end(early);
    await until(b.pg, () => equal(b.pg.members('g'), [twice, late]));

    const own = b.processes.spawn();
    b.pg.join('g', own);
    await until(a.pg, () => equal(a.pg.members('g'), [twice, late, own]));

    const listedAtDown = new Promise<readonly Pid[]>((resolve) => {
      b.distribution.onMembership('signals', ({ type }) => type === 'down' && resolve(b.pg.members('g')));
    });
    await a.stop();
    expect(await listedAtDown).toEqual([own]);
  });

  test('a node that comes back as another life has the members of that life only', async () => {
    const a = await start('a@127.0.0.1');
    const first = await start('b@127.0.0.1', { creation: 1, seeds: [a.distribution.address] });
    const pid = first.processes.spawn();
    first.pg.join('g', pid);
    await until(a.pg, () => equal(a.pg.members('g'), [pid]));
    await first.stop();
    const second = await start('b@127.0.0.1', { creation: 2, seeds: [a.distribution.address] });
    const again = second.processes.spawn();
    expect(again).not.toBe(pid);
    second.pg.join('g', again);
    await until(a.pg, () => equal(a.pg.members('g'), [again]));
    expect(a.pg.membersOf(second.name)).toEqual(new Map([['g', [again]]]));
  });

  test('a membership larger than the control queue is learned whole, on one session', async () => {
    const a = await start('a@127.0.0.1');
    const pid = a.processes.spawn();
    const padding = 'g'.repeat(230);
    const groups = 80_000;
    for (let n = 0; n < groups; n++) a.pg.join(`${padding} ${n}`, pid);
    const b = await start('b@127.0.0.1', { seeds: [a.distribution.address] });
    await until(b.pg, () => b.pg.whichGroups().length === groups);
    expect(b.distribution.session(a.name)?.id).toBe(b.distribution.sessions()[0]?.id);
    expect(b.distribution.counters.framesIn).toBeGreaterThan(64);
    expect(b.pg.counters.refused.gap).toBe(0);
  });
});

/** What a fault of a plan does to a cluster. Those that last are undone after their time, or when all faults end. */
import type { Cluster } from './cluster.js';
import type { Fault, Loss } from './schedule.js';
import type { Notice } from './wire.js';

export function inject(cluster: Cluster, fault: Fault): void {
  const { network, plan } = cluster;
  const hosts = Array.from({ length: plan.hosts }, (_, host) => host);
  switch (fault.do) {
    case 'lose':
      return network.lose(fault.host, fault.other, notices(cluster, fault.how));
    case 'partition': {
      const inside = hosts.filter((host) => fault.hosts.includes(host));
      const outside = hosts.filter((host) => !fault.hosts.includes(host));
      const ways = inside.flatMap((one) => outside.map((other): [number, number] => [one, other]));
      return blockFor(cluster, ways, fault.oneWay, fault.ms);
    }
    case 'bridge':
      return blockFor(cluster, [[fault.host, fault.other]], false, fault.ms);
    case 'slow': {
      const way = network.way(fault.host, fault.other);
      const { delayMs } = way;
      way.delayMs = fault.delayMs;
      return lasting(cluster, fault.ms, () => {
        way.delayMs = delayMs;
      });
    }
    case 'freeze': {
      const life = cluster.current[fault.host];
      if (life === undefined) return;
      const loops = fault.thread === 'all' ? [...life.world.loops] : [life.world.loop(fault.thread)];
      const releases = loops.map((loop) => loop.hold());
      return lasting(cluster, fault.ms, () => {
        for (const release of releases) release();
      });
    }
    case 'crash': {
      const life = cluster.current[fault.host];
      if (life === undefined) return;
      life.crash();
      for (const actor of cluster.actors.values()) if (actor.life === life) actor.hasEnded = true;
      network.vanish(life.home, notices(cluster, fault.how));
      cluster.current[fault.host] = undefined;
      cluster.timeline.after(fault.ms, cluster.loop, () => cluster.boot(fault.host));
      return;
    }
    case 'stop': {
      const life = cluster.current[fault.host];
      if (life?.isRunning !== true) return;
      void life.stop().then(() => {
        if (cluster.current[fault.host] !== life) return;
        for (const actor of cluster.actors.values()) if (actor.life === life) actor.hasEnded = true;
        cluster.current[fault.host] = undefined;
        cluster.timeline.after(cluster.isHealed ? 0 : fault.ms, cluster.loop, () => cluster.boot(fault.host));
      });
      return;
    }
    case 'loseThread': {
      const life = cluster.current[fault.host];
      const thread = life?.isRunning === true ? life.scheduler.threads[fault.place - 1] : undefined;
      if (life === undefined || thread === undefined) return;
      life.threads.lose(thread, { cause: 'terminated' });
      for (const actor of cluster.actors.values()) {
        if (actor.life === life && actor.thread === thread) actor.hasEnded = true;
      }
      return;
    }
    case 'jump': {
      const life = cluster.current[fault.host];
      if (life !== undefined) life.world.wall.offset += fault.ms;
      return;
    }
    default:
      fault satisfies never;
  }
}

function blockFor(cluster: Cluster, ways: readonly [number, number][], oneWay: boolean, ms: number): void {
  const { network } = cluster;
  const all = oneWay
    ? ways
    : ways.flatMap(([one, other]): [number, number][] => [
        [one, other],
        [other, one],
      ]);
  for (const [from, to] of all) network.block(from, to);
  lasting(cluster, ms, () => {
    for (const [from, to] of all) network.unblock(from, to);
  });
}

function lasting(cluster: Cluster, ms: number, end: () => void): void {
  const { timeline, loop, undo } = cluster;
  const once = (): void => {
    if (undo.delete(once)) end();
  };
  undo.add(once);
  timeline.after(ms, loop, once);
}

/** For each end of each connection: how late it notices, and whether a write of it is answered. */
function notices({ random }: Cluster, how: Loss): () => Notice {
  let ends = 0;
  return () => {
    const isFirst = ends++ % 2 === 0;
    switch (how) {
      case 'soon':
        return { lateMs: random() * 5, answers: true };
      case 'late':
        return { lateMs: random() * 600, answers: random() < 0.5 };
      case 'half-open':
        return { lateMs: isFirst ? random() * 20 : Number.POSITIVE_INFINITY, answers: random() < 0.5 };
      case 'silent':
        return { lateMs: Number.POSITIVE_INFINITY, answers: random() < 0.3 };
      default:
        return how satisfies never;
    }
  };
}

/** What every node of a cluster at rest must know, compared with what there is. */
import type { Pid } from '@liminal-node/scheduler';
import type { Actor } from './actors.js';
import type { Cluster } from './cluster.js';
import type { Life } from './life.js';
import { NAMES } from './schedule.js';

/** The first difference; undefined for a cluster at rest. */
export function differences(cluster: Cluster): string | undefined {
  const { living, plan } = cluster;
  if (living.length < plan.hosts) return `${plan.hosts - living.length} nodes are not running`;
  for (const life of living) {
    const found = meshOf(life, living) ?? viewOf(life, living, cluster) ?? namesOf(life, cluster);
    if (found !== undefined) return found;
  }
  for (const [step, actor] of cluster.outstanding) {
    if (isAlive(actor, living)) return `${actor.pid} has not taken step ${step}`;
  }
  const waiting = waitingFor(cluster);
  if (waiting !== undefined) return waiting;
  if (cluster.network.open.some(({ streams }) => streams.some(({ isHeldUp }) => isHeldUp)))
    return 'what was slow when the faults ended has not arrived, and may yet cost a session';
  const pairs = (living.length * (living.length - 1)) / 2;
  const { open } = cluster.network;
  if (open.some(({ isLost }) => isLost)) return 'somebody has not noticed that a connection is lost';
  if (open.length !== pairs) return `${open.length} connections between ${living.length} nodes`;
  return undefined;
}

function meshOf({ name, distribution, up, pg }: Life, living: readonly Life[]): string | undefined {
  const sessions = distribution.sessions();
  for (const other of living) {
    if (other.name === name) continue;
    const session = distribution.session(other.name);
    if (session?.creation !== other.creation) return `${name} has no session with ${other.name}/${other.creation}`;
    if (up.get(other.name) !== session) return `${name} was not told of its session with ${other.name}`;
    if (!pg.isSynced(other.name)) return `${name} does not know the members of ${other.name}`;
  }
  if (sessions.length !== living.length - 1) return `${name} has ${sessions.length} sessions`;
  return undefined;
}

function viewOf({ name, pg }: Life, living: readonly Life[], { actors }: Cluster): string | undefined {
  const wanted = new Map<string, Pid[]>();
  for (const actor of actors.values()) {
    if (!isAlive(actor, living)) continue;
    for (const [channel, count] of actor.subscribed) {
      if (count > 0) wanted.set(channel, [...(wanted.get(channel) ?? []), actor.pid]);
    }
  }
  for (const channel of new Set([...wanted.keys(), ...pg.whichGroups()])) {
    const found = [...pg.members(channel)].sort();
    const expected = (wanted.get(channel) ?? []).sort();
    if (found.join() !== expected.join()) return `${name} lists ${found} in ${channel}, where ${expected} are`;
  }
  return undefined;
}

/** A name that a node gives to nobody or to the wrong one. */
function namesOf({ name: node, scheduler }: Life, { actors, byPid, living }: Cluster): string | undefined {
  for (const name of NAMES) {
    const pid = scheduler.whereis(name);
    const holder = [...actors.values()].find(
      (actor) => actor.life.name === node && actor.name === name && isAlive(actor, living),
    );
    if (holder !== undefined && pid !== holder.pid) return `${node} gives ${name} to ${pid}, and ${holder.pid} has it`;
    const given = pid === undefined ? undefined : byPid.get(pid);
    if (given !== undefined && !isAlive(given, living)) return `${node} gives ${name} to ${pid}, which is over`;
  }
  return undefined;
}

/** A process that monitors a process which is over, or is linked with it, and was not told. */
function waitingFor({ actors, byPid, living }: Cluster): string | undefined {
  const isOver = (pid: Pid): boolean => {
    const target = byPid.get(pid);
    return target === undefined || !isAlive(target, living);
  };
  const isHeld = ({ name, host }: { name: string; host: number }): boolean =>
    [...actors.values()].some((other) => other.life.host === host && other.names.has(name) && isAlive(other, living));
  for (const actor of actors.values()) {
    if (!isAlive(actor, living)) continue;
    if (actor.asking.size > 0) return `${actor.pid} waits to be acknowledged on ${[...actor.asking]}`;
    if (actor.calls > 0) return `${actor.pid} waits for the answer to ${actor.calls} calls`;
    for (const [ref, { target, name, state }] of actor.watches) {
      if (state === 'open' && name !== undefined && !isHeld(name))
        return `${actor.pid} still monitors ${JSON.stringify(name)} by ${ref}`;
      if (state !== 'open' || target === undefined || !isOver(target)) continue;
      return `${actor.pid} still monitors ${target}, which is over, by ${ref}`;
    }
    for (const pid of actor.links.keys())
      if (isOver(pid)) return `${actor.pid} is still linked to ${pid}, which is over`;
  }
  return undefined;
}

export function isAlive({ hasEnded, life }: Actor, living: readonly Life[]): boolean {
  return !hasEnded && living.includes(life);
}

/** Without a fault, one session comes up between two nodes, however many connections cross, and stays. */
export function flapping({ living, plan }: Cluster): string | undefined {
  if (plan.controlBudget !== undefined || plan.steps.some((step) => !('actor' in step))) return undefined;
  for (const { name, distribution } of living) {
    const { sessionsUp } = distribution.counters;
    if (sessionsUp !== plan.hosts - 1)
      return `${name} had ${sessionsUp} sessions with ${plan.hosts - 1} peers, and no fault`;
  }
  return undefined;
}

/** What is left behind when all nodes have stopped. */
export function closingDifferences({ lives, network, timeline, plan: { heldBudget } }: Cluster): string | undefined {
  const { open } = network;
  if (open.length > 0) return `${open.length} connections are left when all nodes have stopped`;
  for (const life of lives) {
    const loops = new Set(life.world.loops);
    const counted = miscounts(life, heldBudget === undefined);
    if (counted !== undefined) return counted;
    const { timers } = timeline.pending((loop) => loops.has(loop));
    if (timers > 0) return `${life.name}/${life.creation} leaves ${timers} timers when it has stopped`;
  }
  return undefined;
}

/**
 * What an order of signals that is kept never causes, and nobody here sends.
 * @param isAllTold no update of groups was dropped, so that none can be missed.
 */
function miscounts({ name, distribution, pg, scheduler, dropped }: Life, isAllTold: boolean): string | undefined {
  if (scheduler === undefined || distribution === undefined || pg === undefined) return undefined;
  const { protocolErrors, listenerErrors, dropped: counted } = distribution.counters;
  const overBudget = counted['data budget'] ?? 0;
  if (overBudget !== dropped) return `${name} has dropped ${dropped} frames over a budget, and counted ${overBudget}`;
  if (Object.keys(protocolErrors).length > 0) return `${name} says of peers: ${JSON.stringify(protocolErrors)}`;
  if (listenerErrors > 0) return `${name} has ${listenerErrors} errors of listeners`;
  const { refused } = pg.counters;
  const gaps = ['gap', 'awaiting snapshot'] as const;
  const never = ['foreign session', 'stale session', 'own node', 'malformed', 'over limit', 'not local'] as const;
  for (const reason of isAllTold ? [...gaps, ...never] : never) {
    if (refused[reason] > 0) return `${name} refused ${refused[reason]} frames of groups: ${reason}`;
  }
  return undefined;
}

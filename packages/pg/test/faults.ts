/**
 * Faults of the kind that systems like this one had, planted around the correct core, to see that the
 * simulation finds them.
 */
import { type AnyPid, parsePid } from '@liminal-node/scheduler';
import { listed } from '../src/members.js';
import type { PgSession } from '../src/port.js';
import type { PgFrame, WireChange } from '../src/wire.js';
import type { Fault, SimulatedNode } from './simulation.js';

const currentOf = (node: SimulatedNode, session: PgSession): PgSession =>
  node.core.remote.viewOf(session.node)?.session ?? session;

const partsOf = (pid: AnyPid): { thread: number; serial: number } => {
  const { thread, serial } = parsePid(pid) ?? { thread: 0, serial: 0 };
  return { thread, serial };
};

/** A session's late down purges whoever is up under that node name now. */
const purgeByNodeName: Fault = {
  event: (node, event) => (event.type === 'down' ? { ...event, session: currentOf(node, event.session) } : event),
};

/** A frame counts by its node's name, whichever session it came on. */
const staleSessionAccepted: Fault = {
  event: (node, event) => (event.type === 'frame' ? { ...event, session: currentOf(node, event.session) } : event),
};

/** What a snapshot does not name stays. */
const snapshotAdds: Fault = {
  event: (node, event) => {
    if (event.type !== 'frame' || event.frame.type !== 'snapshot' || !event.frame.last) return event;
    const view = node.core.remote.view(event.session);
    const named = new Set([...(view?.staged?.groups.values() ?? [])].flatMap(listed));
    for (const { members } of event.frame.groups) {
      for (const member of members) if (view !== undefined) named.add(view.pidOf(member));
    }
    const kept = [...(view?.groups ?? [])].map(([group, members]) => ({
      group,
      members: [...new Set(listed(members))]
        .filter((pid) => !named.has(pid))
        .map((pid) => ({ ...partsOf(pid), joins: members.joinsOf(pid) })),
    }));
    return { ...event, frame: { ...event.frame, groups: [...event.frame.groups, ...kept] } };
  },
};

/** An update applies whatever its number is. */
const versionUnchecked: Fault = {
  event: (node, event) => {
    if (event.type !== 'frame' || event.frame.type !== 'update') return event;
    const known = node.core.remote.view(event.session)?.version;
    if (known === undefined) return event;
    const version = known + (event.frame.changes.length > 0 ? 1 : 0);
    return { ...event, frame: { ...event.frame, version } };
  },
};

/** A later part of a snapshot is taken, although one before it was lost. */
const partsUnchecked: Fault = {
  event: (node, event) => {
    if (event.type !== 'frame' || event.frame.type !== 'snapshot' || event.frame.part === 0) return event;
    const staged = node.core.remote.view(event.session)?.staged;
    return staged === undefined ? event : { ...event, frame: { ...event.frame, part: staged.nextPart } };
  },
};

/** A join is told at once and recorded a little later: a snapshot made in between lacks it. */
const rememberAfterTell: Fault = {
  effects: (node, event, effects) => {
    const unrecorded = (node.memory ?? []) as (WireChange & { until: number })[];
    const recent = unrecorded.filter(({ until }) => until > 0).map((each) => ({ ...each, until: each.until - 1 }));
    const lacking = ({ groups, ...rest }: Extract<PgFrame, { type: 'snapshot' }>): PgFrame => ({
      ...rest,
      groups: groups
        .map(({ group, members }) => ({
          group,
          members: members.filter(
            ({ serial }) => !recent.some((each) => each.group === group && each.serial === serial),
          ),
        }))
        .filter(({ members }) => members.length > 0),
    });
    const done = effects.map((effect) =>
      effect.type === 'send'
        ? { ...effect, frames: effect.frames.map((frame) => (frame.type === 'snapshot' ? lacking(frame) : frame)) }
        : effect,
    );
    if (event.type === 'join') {
      recent.push({ group: event.group, ...partsOf(event.pid), joins: 1, until: 2 });
    }
    node.memory = recent;
    return done;
  },
};

/** A process that has ended stays a member. */
const exitIgnored: Fault = {
  event: (_node, event) => (event.type === 'exit' ? undefined : event),
};

/** A process that has ended is taken out here, and the number of the update that should have told it is used again. */
const exitNotTold: Fault = {
  effects: (node, event, effects) => {
    const untold = (node.memory ?? 0) as number;
    const sends = effects.flatMap((effect) => (event.type === 'exit' && effect.type === 'send' ? effect.frames : []));
    node.memory = untold + sends.length;
    const renumbered = (frame: PgFrame): PgFrame =>
      frame.type === 'resync' || frame.type === 'have'
        ? frame
        : { ...frame, version: Math.max(0, frame.version - untold) };
    return effects
      .filter((effect) => event.type !== 'exit' || effect.type !== 'send')
      .map((effect) => (effect.type === 'send' ? { ...effect, frames: effect.frames.map(renumbered) } : effect));
  },
};

/** A loss is noticed at the next update only, which may never come. */
const nothingAnnounced: Fault = {
  event: (_node, event) => (event.type === 'announce' ? undefined : event),
};

/** Nobody is ever asked for a snapshot. */
const gapNotRepaired: Fault = {
  effects: (_node, _event, effects) =>
    effects.filter((effect) => effect.type !== 'send' || effect.frames.every(({ type }) => type !== 'resync')),
};

/** A restarted node goes on as its predecessor did. */
const restartMerged: Fault = {
  event: (node, event) => {
    if (event.type === 'up' && node.core.remote.viewOf(event.session.node) !== undefined) return undefined;
    if (event.type === 'frame') return { ...event, session: currentOf(node, event.session) };
    return event;
  },
};

/** A peer that comes back is not told the first of what it missed. */
const returnSkipsOne: Fault = {
  effects: (_node, _event, effects) =>
    effects.map((effect) =>
      effect.type !== 'send'
        ? effect
        : {
            ...effect,
            frames: effect.frames.map((frame) =>
              frame.type === 'resume' ? { ...frame, changes: frame.changes.slice(1) } : frame,
            ),
          },
    ),
};

/** What a purge or a snapshot took away is not told to the readers of changes. */
const leavesOfPurgeNotTold: Fault = {
  effects: (_node, event, effects) => (event.type === 'down' ? effects.filter(({ type }) => type !== 'tell') : effects),
};

export const faults = {
  'purge by node name': purgeByNodeName,
  'frame of a stale session accepted': staleSessionAccepted,
  'snapshot adds instead of replacing': snapshotAdds,
  'update applied without a look at its version': versionUnchecked,
  'snapshot applied although a part was lost': partsUnchecked,
  'remembered after telling': rememberAfterTell,
  'dead process stays a member': exitIgnored,
  'exit not told': exitNotTold,
  'number of the last update not announced': nothingAnnounced,
  'gap not repaired': gapNotRepaired,
  'restarted node merged into its predecessor': restartMerged,
  'not all told that a returning peer missed': returnSkipsOne,
  'purge not told to readers of changes': leavesOfPurgeNotTold,
} as const;

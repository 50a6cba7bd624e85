/**
 * Faults of the kind that protocols like these have had: edits in the built code, each of which some seed must find.
 * A fault that shows in one file alone because another makes up for it is planted in both.
 */
import type { Edit } from './api.js';

export const mutants: Readonly<Record<string, readonly Edit[]>> = {
  'a pid of an earlier life is taken for one of this life': [
    {
      file: 'distribution/remote-signals.js',
      from: 'if (session === undefined || (creation !== 0 && session.creation !== creation))',
      to: 'if (session === undefined)',
    },
  ],
  'a join is told a turn after the subscription is remembered': [
    {
      file: 'pg/scope.js',
      from: "this.#join({ type: 'join', group, pid }, 1);",
      to: "this.#options.environment.setImmediate(() => this.#join({ type: 'join', group, pid }, 1));",
    },
  ],
  'the old connection stays open where another takes its place': [
    {
      file: 'distribution/live-session.js',
      from: 'this.#settleProbes(false); this.#connection.end();',
      to: 'this.#settleProbes(false);',
    },
  ],
  'what comes on a retired connection counts': [
    {
      file: 'distribution/frame-connection.js',
      from: "if (this.#state !== 'open') return; this.owner.received();",
      to: 'this.owner.received();',
    },
    {
      file: 'distribution/frame-connection.js',
      from: "this.owner.frame(type, body); return this.#state === 'open';",
      to: 'this.owner.frame(type, body); return true;',
    },
  ],
  'nobody checks at home whether a subscription still exists': [
    {
      file: 'channels/subscriptions.js',
      from: 'entry.counts.delete(pid); entry.audience.delete(pid);',
      to: 'entry.counts.delete(pid);',
    },
  ],
  'no leave is told where a process ends': [
    {
      file: 'pg/group-state.js',
      from: 'for (const { change } of left) this.#gather(change, effects);',
      to: '',
    },
    {
      file: 'channels/channels.js',
      from: 'this.#observer?.onUnsubscribe(channel, pid); } #forgetExit',
      to: '; } #forgetExit',
    },
  ],
  'a snapshot adds to what was known, and replaces nothing': [
    {
      file: 'pg/group-state.js',
      from: 'view.kept = undefined; view.awaiting = false; view.version = version; return tell(this.remote.replace(view, groups, joins));',
      to: `for (const [group, members] of [...view.groups, ...(view.kept?.groups ?? [])]) {
        members.forEach((pid, count) => {
          if (!groups.has(group)) groups.set(group, new MemberCounts());
          if (groups.get(group).joinsOf(pid) === 0) groups.get(group).set(pid, count);
        });
      }
      view.kept = undefined; view.awaiting = false; view.version = version;
      return tell(this.remote.replace(view, groups, joins));`,
    },
  ],
  'what was kept of an earlier life of a node counts for the next': [
    { file: 'pg/kept-views.js', from: 'return view?.creation === creation ? view : undefined;', to: 'return view;' },
    { file: 'pg/group-state.js', from: 'if (view.kept?.life !== frame.life) view.kept = undefined;', to: '' },
    {
      file: 'pg/group-state.js',
      from: 'const held = frame.held?.life === this.#life ? frame.held : undefined;',
      to: 'const { held } = frame;',
    },
  ],
  'what was kept of a peer goes on from the next number': [
    {
      file: 'pg/group-state.js',
      from: '{ node, creation, life, version, groups, joins } : view.kept;',
      to: '{ node, creation, life, version: version + 1, groups, joins } : view.kept;',
    },
  ],
  'what a peer missed is told from the next number on': [
    {
      file: 'pg/local-updates.js',
      from: 'this.#log.slice(this.#log.length - behind)',
      to: 'this.#log.slice(this.#log.length - behind + 1)',
    },
  ],
  'a down is told a turn late': [
    {
      file: 'distribution/session-table.js',
      from: "this.#options.tell({ type: 'down', session, reason: told });",
      to: "this.#options.settings.environment.setImmediate(() => this.#options.tell({ type: 'down', session, reason: told }));",
    },
  ],
  'members are purged behind links and monitors': [
    {
      file: 'pg/scope.js',
      from: "distribution.onMembership('groups',",
      to: "distribution.onMembership('everyone',",
    },
  ],
  'a crossing keeps both connections': [
    {
      file: 'distribution/session-table.js',
      from: "if (old !== undefined) { this.retire(old, 'replaced'); }",
      to: '',
    },
  ],
  'an update is taken whatever its number': [
    {
      file: 'pg/group-state.js',
      from: 'if (!isNext || view.awaiting || view.staged !== undefined)',
      to: 'if (view.version === undefined)',
    },
  ],
  'a snapshot is made early and sent late': [
    {
      file: 'pg/scope.js',
      from: 'for (const frame of effect.frames) this.#send(effect.to, frame);',
      to: `for (const frame of effect.frames) {
        if (frame.type === 'snapshot') this.#options.environment.setImmediate(() => this.#send(effect.to, frame));
        else this.#send(effect.to, frame);
      }`,
    },
  ],
  'members are purged late, and by the name of their node': [
    {
      file: 'pg/scope.js',
      from: "this.#step(type === 'up' ? { type, session, ask: false } : { type, session });",
      to: `if (type === 'up') this.#step({ type, session, ask: false });
      else this.#options.environment.setImmediate(() => this.#step({ type, session }));`,
    },
    {
      file: 'pg/group-state.js',
      from: 'const view = this.remote.view(session); if (view === undefined) return this.#notCurrent(session); return this.#close(view);',
      to: 'const view = this.remote.viewOf(session.node); return view === undefined ? [] : this.#close(view);',
    },
  ],
  'each side of a crossing takes the other': [
    {
      file: 'distribution/install.js',
      from: "return !dialledByUs && candidate.ownProofPending && weWin ? 'duplicate' : 'install';",
      to: "return 'install';",
    },
  ],
  'a frame that must be delivered is lost where its queue is full': [
    {
      file: 'distribution/live-session.js',
      from: "if (lane === 'data') return 'dropped';",
      to: "return lane === 'data' ? 'dropped' : 'queued';",
    },
  ],
  'an exit or a down overtakes what its process has sent': [
    {
      file: 'distribution/remote-signals.js',
      from: "const lane = mustDeliver ? 'signal' : 'data';",
      to: "const lane = mustDeliver ? 'control' : 'data';",
    },
  ],
  'what a process sends is in two flows, of long and of short frames': [
    {
      file: 'distribution/outbound-queue.js',
      from: 'else this.#flows.push(flow, frame);',
      to: 'else this.#flows.push(body.length > 1_000 ? flow : -1, frame);',
    },
  ],
  'a node holds its own stall against its peers': [
    {
      file: 'distribution/patience.js',
      from: 'afterTurns(() => (lateMs() > 0 ? afterTurns(tell) : tell()))',
      to: '!cancelled && callback(0)',
    },
  ],
  'a reply goes to the mailbox of the caller, where a late one answers the next call': [
    {
      file: 'scheduler/behaviours/call.js',
      from: "self.send(target, { signal: 'call', name, args, from: caller.pid });",
      to: "self.send(target, { signal: 'call', name, args, from: self.pid });",
    },
  ],
  'links across a lost session are not ended': [
    {
      file: 'distribution/remote-signals.js',
      from: "if (event.type === 'down') endpoint.nodeDown(event.session.node, event.session.creation);",
      to: '',
    },
  ],
  'threads do not hear that a session is lost': [
    {
      file: 'scheduler/scheduler.js',
      from: "this.#runtime.broadcast({ type: 'nodeDown', node, creation });",
      to: '',
    },
  ],
  'a link with nobody to carry it is not answered': [
    {
      file: 'scheduler/runtime.js',
      from: 'if (this.remote?.send(target.node, target.creation, bytes, mustDeliver)) return letGo(bytes); if (!mustDeliver)',
      to: 'if (this.remote?.send(target.node, target.creation, bytes, mustDeliver) !== undefined) return letGo(bytes); if (!mustDeliver)',
    },
  ],
  'an address whose dial failed is never dialled again': [
    {
      file: 'distribution/known-peers.js',
      from: 'entry.dialing = false; entry.lastFailure = reason;',
      to: 'entry.lastFailure = reason;',
    },
  ],
  'silence is never noticed': [
    {
      file: 'distribution/heartbeat.js',
      from: 'return this.#askedAt !== undefined && now - this.#askedAt >= this.#timeoutMs;',
      to: 'return false;',
    },
    {
      file: 'distribution/frame-writer.js',
      from: 'if (leftMs <= 0 && lateMs === 0) stuck(); else',
      to: '',
    },
  ],
  'a frame that is cut within its length is read wrongly': [
    {
      file: 'distribution/frame.js',
      from: 'this.#hold(chunk.subarray(at), 0);',
      to: 'if (chunk.length - at >= LENGTH_BYTES) this.#hold(chunk.subarray(at), 0);',
    },
  ],
  'bytes of a budget are not given back': [
    {
      file: 'distribution/outbound-queue.js',
      from: 'this.#dataBytes -= batch.dataBytes;',
      to: '',
    },
  ],
  'a subscription counts as acknowledged at once': [
    {
      file: 'pg/acknowledgements.js',
      from: 'if (missing.size === 0) return Promise.resolve();',
      to: 'return Promise.resolve();',
    },
  ],
  'a drop over the budget is not counted': [
    {
      file: 'distribution/live-session.js',
      from: 'count(this.#counters.dropped, reason, messages);',
      to: '',
    },
  ],
  'what waits in the queue of a session that goes down is not counted': [
    {
      file: 'distribution/live-session.js',
      from: 'const { dropped, uncertain } = this.#queue.clear();',
      to: 'const { dropped, uncertain } = { dropped: 0, uncertain: 0 };',
    },
  ],
  'a timer is left behind by a session that is over': [
    {
      file: 'distribution/session-table.js',
      from: 'this.#beat?.cancel(); this.#beat = undefined;',
      to: 'this.#beat = undefined;',
    },
  ],
};

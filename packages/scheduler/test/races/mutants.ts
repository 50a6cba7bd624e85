/**
 * Faults of the kind that runtimes like this one had: an edit each in the built code, and the race that shall find
 * it. Where the code has changed, its edit follows.
 */
export interface Mutant {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** How the name of a race begins. */
  readonly foundBy: string;
}

export const mutants: Readonly<Record<string, Mutant>> = {
  'an exit along a link counts for one who has unlinked': {
    file: 'signals.js',
    from: 'if (linked && !process.links?.delete(from)) return;',
    to: 'if (linked) process.links?.delete(from);',
    foundBy: 'C5:',
  },
  'a link that crossed an unlink counts at one end': {
    file: 'signals.js',
    from: 'if (!this.#unlinking.get(signal.to)?.has(signal.from)) addLink(process, signal.from);',
    to: 'addLink(process, signal.from);',
    foundBy: 'C1 C11:',
  },
  'a link to a dead process is not answered': {
    file: 'signals.js',
    from: "if (signal.type === 'link') this.send",
    to: "if (signal.type === 'no') this.send",
    foundBy: 'C1 C3 C11:',
  },
  'a demonitor leaves the entry of the watcher': {
    file: 'signals.js',
    from: 'return false; process.monitors?.delete(ref);',
    to: 'return false;',
    foundBy: 'D1 D5 D6 D7:',
  },
  'a demonitor does not flush': {
    file: 'process-self.js',
    from: 'if (flush && !removed)',
    to: 'if (false)',
    foundBy: 'D5 D6:',
  },
  'a down counts for one who has no such monitor': {
    file: 'signals.js',
    from: 'if (monitor === undefined || !isOn(monitor, signal.from)) break;',
    to: "if (monitor === undefined) { process.deliverSignal({ signal: 'down', ref: signal.ref, reason: signal.reason }); break; }",
    foundBy: 'D1 D5 D6 D7:',
  },
  'what a lost thread had posted is not taken in first': {
    file: 'losses.js',
    from: 'mesh.detach(thread); const prefix',
    to: 'queueMicrotask(() => mesh.detach(thread)); const prefix',
    foundBy: 'A6 B11 C8:',
  },
  'only home is told of a lost thread': {
    file: 'threads/thread-pool.js',
    from: "this.#runtime.broadcast({ type: 'threadDown', thread, reason }); this.#runtime.losses.thread",
    to: 'this.#runtime.losses.thread',
    foundBy: 'A6 B11 C8:',
  },
  'a child has no end of the link to its parent': {
    file: 'spawner.js',
    from: 'addLink(process, parent);',
    to: ';',
    foundBy: 'B14 B15: a child',
  },
  'a child is not told of a parent that ended while it was spawned': {
    file: 'spawner.js',
    from: 'else if (link) this.#endBond(parent.pid, child);',
    to: '',
    foundBy: 'B14 I26:',
  },
  'a child is not told of a parent whose thread ended while it was spawned': {
    file: 'spawner.js',
    from: 'this.#endBond(settings.parent, pid);',
    to: ';',
    foundBy: 'B14: a linked child',
  },
  'a spawn waits for a thread that is lost': {
    file: 'spawner.js',
    from: 'if (pending.thread !== thread) continue;',
    to: 'continue;',
    foundBy: 'B14 B15 I30:',
  },
  'a name is freed behind the signals of the end': {
    file: 'runtime.js',
    from: 'this.freeName(registration.name, pid, registration.grant ?? Infinity);',
    to: 'this.environment.setImmediate(() => this.freeName(registration.name, pid, registration.grant ?? Infinity));',
    foundBy: 'B17 F5:',
  },
  'home asks nobody whether a holder has ended': {
    file: 'names.js',
    from: 'mesh.receivePending(parsePid(holder)?.thread ?? -1);',
    to: ';',
    foundBy: 'B17 F5:',
  },
  'a process that ended while it asked keeps the name': {
    file: 'names.js',
    from: 'else runtime.freeName(name, process.pid, answer);',
    to: '',
    foundBy: 'F4:',
  },
  'a name that is freed is freed of whichever grant': {
    file: 'name-table.js',
    from: 'held.pid === pid && held.grant <= grant',
    to: 'held.pid === pid',
    foundBy: 'F1 F6:',
  },
  'names of a lost thread are kept': {
    file: 'losses.js',
    from: 'names.forgetPrefix(prefix);',
    to: '',
    foundBy: 'F5:',
  },
  'a process that ends leaves its links alone': {
    file: 'signals.js',
    from: 'for (const to of links)',
    to: 'for (const to of [])',
    foundBy: 'I26:',
  },
  'a message that comes as the time is up is lost': {
    file: 'process.js',
    from: 'if (message === NOTHING) reject(new ReceiveTimeoutError(timeoutMs));',
    to: 'if (expired) reject(new ReceiveTimeoutError(timeoutMs));',
    foundBy: 'A24 G3 G5:',
  },
  'one who waits in vain is ready at once again': {
    file: 'process.js',
    from: 'if (message === NOTHING && !expired) return;',
    to: 'if (message === NOTHING && !expired) return this.#host.ready(this);',
    foundBy: 'A22:',
  },
  'an offer that is accepted waits on': {
    file: 'pending-offers.js',
    from: 'this.#keep(this.#offers.slice(admitted));',
    to: 'this.#keep(this.#offers);',
    foundBy: 'an offer',
  },
  'one who begins to wait is not woken by what has come before': {
    file: 'process.js',
    from: 'if (condition.expired || mailbox.unseen > 0)',
    to: 'if (condition.expired)',
    foundBy: 'A24 G1:',
  },
  'one who became ready while it ran is forgotten': {
    file: 'run-queue.js',
    from: 'runnable.queued = false; this.#activity.run(runnable.serial); runnable.run();',
    to: 'runnable.run(); runnable.queued = false;',
    foundBy: 'A24:',
  },
  'a drop is not counted': {
    file: 'process.js',
    from: "if (outcome > 0) { this.#host.countDropped('mailbox full', outcome);",
    to: 'if (outcome > 0) {',
    foundBy: 'a full mailbox',
  },
  'a reply that is late goes to the mailbox of the caller': {
    file: 'behaviours/call.js',
    from: "self.send(target, { signal: 'call', name, args, from: caller.pid });",
    to: "self.send(target, { signal: 'call', name, args, from: self.pid });",
    foundBy: 'J3 J4 J5:',
  },
};

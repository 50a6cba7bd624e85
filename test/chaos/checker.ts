/**
 * Holds the histories of all lives of all nodes of a run against one another. Pure.
 *
 * Of each session, seen from who sends in it:
 *
 * 1. What arrived was sent, in this session, to this very life of the receiver; each once, in order, and without a
 *    gap: a session loses the end of what was queued in it and nothing else.
 * 2. What was queued and did not arrive is accounted for: as dropped with the session, by the sender's own count;
 *    as in flight, of what the sender had handed over or was just handing over; or as gone with the sender's life.
 *    A session that stands at the end has lost nothing.
 * 3. The sender's counters agree with what it wrote down.
 * 4. Frames have no checksum but TCP's. So each bit that was flipped behind TCP's back excuses one session of that
 *    direction from arriving without a gap; what it lost so is accounted for as damaged.
 *
 * Of each life: ups and downs of a peer alternate, session ids rise, nothing comes from a peer before its up; a
 * monitor brings one down where its session ended and none where not. Of the end: all that live are connected,
 * and each sees exactly the members that each other has.
 */
import type { DataTraffic } from '@liminal-node/distribution';
import type { Entry, EntryOf, Flips, Life, Members } from './history.js';

/** Where the messages of a run are. The first is the sum of the others. */
export interface Account {
  sent: number;
  delivered: number;
  /** Beyond the byte budget of a session, as the receipt said. */
  droppedByBudget: number;
  /** Waiting when their session went down. */
  droppedWithSession: number;
  /** Handed to the kernel, or just being handed over, and never read. */
  inFlight: number;
  /** Waiting or in flight when their sender was killed. */
  lostWithSender: number;
  /** Lost in the midst of a session in which a bit was flipped. */
  damaged: number;
}

export interface Verdict {
  readonly account: Account;
  /** A sentence for each thing that must not be. */
  readonly violations: readonly string[];
  readonly lives: number;
  readonly sessions: number;
}

interface Sent {
  readonly to: string;
  readonly peerCreation: number;
  readonly tried: number[];
  /** By seq; missing where the sender was killed before it knew. */
  readonly outcomes: Map<number, EntryOf<'receipt'>['outcome']>;
  traffic: DataTraffic | undefined;
  ended: 'down' | 'stands' | 'killed';
}

interface Got {
  readonly by: Life;
  readonly seqs: number[];
}

export function check(lives: readonly Life[], flips: readonly Flips[] = []): Verdict {
  const violations: string[] = [];
  const account: Account = {
    sent: 0,
    delivered: 0,
    droppedByBudget: 0,
    droppedWithSession: 0,
    inFlight: 0,
    lostWithSender: 0,
    damaged: 0,
  };
  const excuses = new Map(flips.map(({ from, to, count }) => [`${from} ${to}`, count]));
  const got = collectGot(lives);
  let sessions = 0;
  for (const life of lives) {
    const say = (what: string): void => void violations.push(`${nameOf(life)}: ${what}`);
    const sent = collectSent(life, say);
    for (const [session, each] of sent) {
      sessions++;
      const key = keyOf(life.name, life.creation, session);
      const way = `${life.name} ${each.to}`;
      const excuse = (): boolean => {
        const left = excuses.get(way) ?? 0;
        excuses.set(way, left - 1);
        return left > 0;
      };
      checkSession(session, each, { receivers: got.get(key) ?? [], excuse }, account, say);
      got.delete(key);
    }
    checkMembership(life, say);
    checkWatches(life, sent, say);
    const toHere = flips.filter(({ to }) => to === life.name).reduce((sum, { count }) => sum + count, 0);
    checkCounters(life, sent, toHere, say);
  }
  for (const [key, receivers] of got) {
    for (const { by, seqs } of receivers) {
      violations.push(`${nameOf(by)}: got ${seqs.length} messages of session ${key}, which never was`);
    }
  }
  checkViews(lives, violations);
  const { sent, ...rest } = account;
  const found = Object.values(rest).reduce((sum, each) => sum + each, 0);
  if (sent !== found) violations.push(`${sent} messages were sent, and ${found} are accounted for`);
  return { account, violations, lives: lives.length, sessions };
}

function checkSession(
  session: number,
  { to, peerCreation, tried, outcomes, traffic, ended }: Sent,
  { receivers, excuse }: { readonly receivers: readonly Got[]; readonly excuse: () => boolean },
  account: Account,
  say: (what: string) => void,
): void {
  const where = `session ${session} with ${to}`;
  for (const { by, seqs } of receivers) {
    if (by.name === to && by.creation === peerCreation) continue;
    say(`${where}: ${seqs.length} of its messages came to ${nameOf(by)}`);
  }
  const own = receivers.find(({ by }) => by.name === to && by.creation === peerCreation)?.seqs ?? [];
  const maybe = tried.filter((seq) => !outcomes.has(seq));
  const refused = tried.filter((seq) => outcomes.get(seq) === 'dropped');
  const nobody = tried.filter((seq) => outcomes.get(seq) === 'nobody');
  const wasQueued = (seq: number): boolean => outcomes.get(seq) === 'queued' || maybe.includes(seq);
  const queued = tried.filter(wasQueued);
  const gap = checkOrder(where, own, queued, say);
  if (gap.length > 0 && !excuse()) say(`${where}: ${some(gap)} did not arrive, and what was behind did`);
  const delivered = new Set(own).size;
  const lost = queued.length - delivered - gap.length;
  account.damaged += gap.length;
  account.sent += queued.length + refused.length;
  account.droppedByBudget += refused.length;
  account.delivered += delivered;
  if (ended === 'killed') {
    account.lostWithSender += lost;
    return;
  }
  if (traffic === undefined) return say(`${where}: the sender lives and does not say what became of it`);
  if (maybe.length > 0) say(`${where}: the sender lives and has no receipt of ${maybe.join(', ')}`);
  if (traffic.queued !== queued.length) {
    say(`${where}: ${queued.length} were queued, and its count says ${traffic.queued}`);
  }
  if (nobody.length > 0 && own.some((seq) => nobody.includes(seq))) say(`${where}: what nobody was to get arrived`);
  if (ended === 'stands') {
    if (lost > 0) say(`${where}: it stands, and ${lost} of ${queued.length} messages have not arrived`);
    account.inFlight += lost;
    return;
  }
  if (traffic.queued !== traffic.written + traffic.dropped + traffic.uncertain) {
    say(`${where}: it is down, and its counts do not add up: ${JSON.stringify(traffic)}`);
  }
  const inFlight = traffic.written + traffic.uncertain - delivered - gap.length;
  if (inFlight < 0) say(`${where}: ${delivered} arrived, and only ${delivered + inFlight} were handed over`);
  account.droppedWithSession += traffic.dropped;
  account.inFlight += inFlight;
}

/** What arrived is the beginning of what was queued. @returns what is missing before the last that arrived. */
function checkOrder(
  where: string,
  got: readonly number[],
  queued: readonly number[],
  say: (what: string) => void,
): number[] {
  const seen = new Set<number>();
  const sent = new Set(queued);
  let greatest = -1;
  for (const seq of got) {
    if (seen.has(seq)) say(`${where}: message ${seq} arrived twice`);
    else if (!sent.has(seq)) say(`${where}: message ${seq} arrived and was not queued`);
    else if (seq < greatest) say(`${where}: message ${seq} arrived behind ${greatest}`);
    seen.add(seq);
    greatest = Math.max(greatest, seq);
  }
  return queued.filter((seq) => seq < greatest && !seen.has(seq));
}

function collectSent(life: Life, say: (what: string) => void): Map<number, Sent> {
  const sent = new Map<number, Sent>();
  const end = endOf(life);
  for (const entry of life.entries) {
    if (entry.t === 'up') {
      const ended = end === undefined ? 'killed' : 'stands';
      const fresh = {
        to: entry.node,
        peerCreation: entry.creation,
        tried: [],
        outcomes: new Map(),
        traffic: undefined,
      };
      sent.set(entry.session, { ...fresh, ended });
    } else if (entry.t === 'try' || entry.t === 'receipt' || entry.t === 'down') {
      const session = sent.get(entry.session);
      if (session === undefined) say(`session ${entry.session} was never up (${entry.t})`);
      else if (entry.t === 'try') session.tried.push(entry.seq);
      else if (entry.t === 'receipt') session.outcomes.set(entry.seq, entry.outcome);
      else {
        session.traffic = entry.traffic;
        session.ended = 'down';
      }
    }
  }
  for (const { session, traffic } of end?.sessions ?? []) {
    const each = sent.get(session);
    if (each === undefined || each.ended === 'down') say(`session ${session} is listed at the end and is not up`);
    else each.traffic = traffic;
  }
  return sent;
}

/** What arrived anywhere, by the session of the sender that it names. */
function collectGot(lives: readonly Life[]): Map<string, Got[]> {
  const got = new Map<string, Got[]>();
  for (const life of lives) {
    for (const entry of life.entries) {
      if (entry.t !== 'got') continue;
      const key = keyOf(entry.from, entry.creation, entry.session);
      const receivers = got.get(key) ?? [];
      got.set(key, receivers);
      let own = receivers.find(({ by }) => by === life);
      if (own === undefined) {
        own = { by: life, seqs: [] };
        receivers.push(own);
      }
      own.seqs.push(entry.seq);
    }
  }
  return got;
}

function checkMembership({ entries }: Life, say: (what: string) => void): void {
  const up = new Map<string, number>();
  const met = new Set<string>();
  let last = 0;
  for (const entry of entries) {
    if (entry.t === 'up') {
      const old = up.get(entry.node);
      if (old !== undefined) say(`session ${entry.session} with ${entry.node} came up while ${old} was up`);
      if (entry.session <= last) say(`session ${entry.session} came up behind ${last}`);
      last = Math.max(last, entry.session);
      up.set(entry.node, entry.session);
      met.add(`${entry.node} ${entry.creation}`);
    } else if (entry.t === 'down') {
      if (up.get(entry.node) !== entry.session) say(`session ${entry.session} with ${entry.node} went down twice`);
      up.delete(entry.node);
    } else if (entry.t === 'got' && !met.has(`${entry.from} ${entry.creation}`)) {
      say(`a message of ${entry.from} arrived before its session was up`);
    }
  }
}

function checkWatches(life: Life, sessions: ReadonlyMap<number, Sent>, say: (what: string) => void): void {
  const watches = new Map<string, { readonly session: number; noticed: number }>();
  for (const entry of life.entries) {
    if (entry.t === 'watch') watches.set(entry.ref, { session: entry.session, noticed: 0 });
    if (entry.t !== 'noticed') continue;
    const watch = watches.get(entry.ref);
    if (watch === undefined) say(`a down message came for a monitor that was not made: ${entry.ref}`);
    else watch.noticed++;
  }
  const lives = endOf(life) !== undefined;
  for (const { session, noticed } of watches.values()) {
    if (noticed > 1) say(`a monitor in session ${session} brought ${noticed} down messages`);
    const over = sessions.get(session)?.ended === 'down';
    if (lives && over && noticed === 0) say(`session ${session} went down, and a monitor in it brought nothing`);
    if (lives && !over && noticed > 0) say(`session ${session} stands, and a monitor in it brought a down message`);
  }
}

/** @param flips how many envelopes may have been damaged on their way, so that nobody could read them. */
function checkCounters(
  life: Life,
  sessions: ReadonlyMap<number, Sent>,
  flips: number,
  say: (what: string) => void,
): void {
  const end = endOf(life);
  if (end === undefined) return;
  const outcomes = [...sessions.values()].flatMap((session) => [...session.outcomes.values()]);
  const times = (outcome: string): number => outcomes.filter((each) => each === outcome).length;
  const got = life.entries.filter(({ t }) => t === 'got' || t === 'damaged').length;
  const { sent, skipped, received, delivered, undelivered } = end.counters;
  const expected: readonly [what: string, counted: number, found: number, unreadable: number][] = [
    ['publishes queued for peers', sent, times('queued'), 0],
    ['publishes that peers did not get for a bound', skipped, times('dropped'), 0],
    ['envelopes given to subscribers', delivered, got, flips],
    ['publishes from peers', received, got + undelivered, flips],
  ];
  for (const [what, counted, found, unreadable] of expected) {
    if (counted < found || counted > found + unreadable)
      say(`${what}: its counter says ${counted}, its history ${found}`);
  }
}

function checkViews(lives: readonly Life[], violations: string[]): void {
  const living = lives.flatMap((life) => {
    const end = endOf(life);
    return end === undefined ? [] : [{ life, end }];
  });
  const names = living.map(({ life }) => life.name);
  if (new Set(names).size !== names.length) violations.push(`two lives of one name are there at the end: ${names}`);
  for (const { life, end } of living) {
    const others = living.filter((other) => other.life !== life);
    const connected = end.sessions.map(({ node, creation }) => `${node} ${creation}`).sort();
    const wanted = others.map(({ life: { name, creation } }) => `${name} ${creation}`).sort();
    if (connected.join() !== wanted.join()) {
      violations.push(`${nameOf(life)}: at the end it is connected to [${connected}], and there are [${wanted}]`);
    }
    for (const other of others) {
      for (const fault of differences(end.views[other.life.name] ?? {}, other.end.own)) {
        violations.push(`${nameOf(life)}: its view of ${nameOf(other.life)}: ${fault}`);
      }
    }
    for (const name of Object.keys(end.views)) {
      if (!names.includes(name)) violations.push(`${nameOf(life)}: it sees members of ${name}, which is not there`);
    }
  }
}

/** Both count members, as a process that has joined twice is there twice. */
function differences(seen: Members, own: Members): string[] {
  return [...new Set([...Object.keys(seen), ...Object.keys(own)])].sort().flatMap((group) => {
    const [is, should] = [seen[group] ?? [], own[group] ?? []].map((pids) => [...pids].sort().join());
    return is === should ? [] : [`group ${group} has [${is}] and should have [${should}]`];
  });
}

function endOf({ entries }: Life): EntryOf<'end'> | undefined {
  return entries.find((entry: Entry): entry is EntryOf<'end'> => entry.t === 'end');
}

function keyOf(name: string, creation: number, session: number): string {
  return `${session} of ${name}#${creation}`;
}

function nameOf({ name, creation }: Life): string {
  return `${name}#${creation}`;
}

function some(numbers: readonly number[]): string {
  return numbers.length > 5 ? `${numbers.slice(0, 5).join(', ')}, … (${numbers.length})` : numbers.join(', ');
}

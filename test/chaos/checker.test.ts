/** The checker against histories that are right, and against such as are wrong in one way each. */
import { describe, expect, it } from 'vitest';
import { check } from './checker.js';
import type { Entry, EntryOf, Life } from './history.js';

const A = { name: 'a@h', creation: 1 };
const B = { name: 'b@h', creation: 2 };
const OWN = { a: { 'pg g': ['a1'] }, b: { 'pg g': ['b1', 'b1'], 'channel c': ['b2'] } };

type End = EntryOf<'end'>;

/**
 * Two lives. In its session 1 A queues 0 to 9, of which B gets 0 to 5: two were handed over and lost, two waiting
 * when it went down, and 10 was refused. In session 2, which stands, A sends 0 to 2, and all arrive.
 */
function histories(): { a: Entry[]; b: Entry[] } {
  const counters = { sent: 13, received: 0, skipped: 1, delivered: 0, undelivered: 0 };
  const a: Entry[] = [
    { t: 'life', ...A },
    { t: 'up', session: 1, node: B.name, creation: B.creation },
    { t: 'watch', ref: 'r1', session: 1 },
    ...sends(1, 10),
    { t: 'try', to: B.name, session: 1, seq: 10 },
    { t: 'receipt', session: 1, seq: 10, outcome: 'dropped' },
    {
      t: 'down',
      session: 1,
      node: B.name,
      reason: 'silent',
      traffic: { queued: 10, written: 7, dropped: 2, uncertain: 1 },
    },
    { t: 'noticed', ref: 'r1', reason: 'noconnection' },
    { t: 'up', session: 2, node: B.name, creation: B.creation },
    { t: 'watch', ref: 'r2', session: 2 },
    ...sends(2, 3),
    {
      t: 'end',
      sessions: [
        { session: 2, node: B.name, creation: 2, traffic: { queued: 3, written: 3, dropped: 0, uncertain: 0 } },
      ],
      own: OWN.a,
      views: { 'b@h': { 'pg g': ['b1', 'b1'], 'channel c': ['b2'] } },
      counters,
    },
  ];
  const nothing = { queued: 0, written: 0, dropped: 0, uncertain: 0 };
  const b: Entry[] = [
    { t: 'life', ...B },
    { t: 'up', session: 7, node: A.name, creation: A.creation },
    ...[0, 1, 2, 3, 4, 5].map((seq): Entry => ({ t: 'got', from: A.name, creation: 1, session: 1, seq })),
    { t: 'down', session: 7, node: A.name, reason: 'closed', traffic: nothing },
    { t: 'up', session: 8, node: A.name, creation: A.creation },
    ...[0, 1, 2].map((seq): Entry => ({ t: 'got', from: A.name, creation: 1, session: 2, seq })),
    {
      t: 'end',
      sessions: [{ session: 8, node: A.name, creation: 1, traffic: nothing }],
      own: OWN.b,
      views: { 'a@h': OWN.a },
      counters: { sent: 0, received: 9, skipped: 0, delivered: 9, undelivered: 0 },
    },
  ];
  return { a, b };
}

function sends(session: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, seq): Entry[] => [
    { t: 'try', to: B.name, session, seq },
    { t: 'receipt', session, seq, outcome: 'queued' },
  ]).flat();
}

function lives({ a, b }: { a: Entry[]; b: Entry[] }): Life[] {
  return [
    { ...A, entries: a },
    { ...B, entries: b },
  ];
}

const isGot = (seq: number, session = 1) => {
  return (entry: Entry): boolean => entry.t === 'got' && entry.seq === seq && entry.session === session;
};

function endOf(entries: Entry[]): { -readonly [Key in keyof End]: End[Key] } {
  return entries.find((entry): entry is End => entry.t === 'end') as End;
}

function downOf(entries: Entry[]): { -readonly [Key in keyof EntryOf<'down'>]: EntryOf<'down'>[Key] } {
  return entries.find((entry): entry is EntryOf<'down'> => entry.t === 'down') as EntryOf<'down'>;
}

/** Each a fault that the checker must find, and how it must name it. */
const PLANTED: readonly [what: string, plant: (a: Entry[], b: Entry[]) => void, said: RegExp][] = [
  [
    'a message that is lost in the midst',
    (_a, b) => void b.splice(b.findIndex(isGot(3)), 1),
    /3 did not arrive, and what was behind did/,
  ],
  ['a message that arrives twice', (_a, b) => void b.splice(5, 0, ...b.filter(isGot(1))), /message 1 arrived twice/],
  [
    'messages out of order',
    (_a, b) => {
      const at = b.findIndex(isGot(2));
      b.splice(at, 2, ...b.slice(at, at + 2).reverse());
    },
    /message 2 arrived behind 3/,
  ],
  [
    'a message that nobody sent',
    (_a, b) => void b.splice(9, 0, { t: 'got', from: A.name, creation: 1, session: 1, seq: 77 }),
    /message 77 arrived and was not queued/,
  ],
  [
    'a message that was refused and arrived',
    (_a, b) => void b.splice(8, 0, { t: 'got', from: A.name, creation: 1, session: 1, seq: 10 }),
    /message 10 arrived and was not queued/,
  ],
  [
    'a message of a session that never was',
    (_a, b) => void b.splice(9, 0, { t: 'got', from: A.name, creation: 1, session: 5, seq: 0 }),
    /messages of session 5 of a@h#1, which never was/,
  ],
  [
    'more messages than were handed over',
    (a) => {
      downOf(a).traffic = { queued: 10, written: 5, dropped: 5, uncertain: 0 };
    },
    /6 arrived, and only 5 were handed over/,
  ],
  [
    'messages that no count accounts for',
    (a) => {
      downOf(a).traffic = { queued: 9, written: 7, dropped: 1, uncertain: 1 };
    },
    /10 were queued, and its count says 9/,
  ],
  [
    'counts of a session that do not add up',
    (a) => {
      downOf(a).traffic = { queued: 10, written: 7, dropped: 1, uncertain: 1 };
    },
    /do not add up/,
  ],
  [
    'the last message of a session that stands',
    (_a, b) => void b.splice(b.findIndex(isGot(2, 2)), 1),
    /it stands, and 1 of 3 messages have not arrived/,
  ],
  [
    'a message for an earlier life',
    (a) => {
      a.splice(1, 1, { t: 'up', session: 1, node: B.name, creation: 99 });
    },
    /6 of its messages came to b@h#2/,
  ],
  ['a receipt that is missing', (a) => void a.splice(4, 1), /has no receipt of 0/],
  [
    'a message before its session was up',
    (_a, b) => void b.splice(1, 1),
    /a message of a@h arrived before its session was up/,
  ],
  [
    'two sessions with one peer',
    (a) =>
      void a.splice(
        a.findIndex(({ t }) => t === 'down'),
        1,
      ),
    /session 2 with b@h came up while 1 was up/,
  ],
  [
    'a session that goes down twice',
    (a) => void a.splice(a.indexOf(downOf(a)), 0, { ...downOf(a) }),
    /session 1 with b@h went down twice/,
  ],
  [
    'session ids that fall',
    (a) => {
      for (const [at, entry] of a.entries())
        if ('session' in entry && entry.session === 1) a[at] = { ...entry, session: 3 };
    },
    /session 2 came up behind 3/,
  ],
  [
    'a monitor that brings nothing',
    (a) =>
      void a.splice(
        a.findIndex(({ t }) => t === 'noticed'),
        1,
      ),
    /session 1 went down, and a monitor in it brought nothing/,
  ],
  [
    'a monitor that brings two',
    (a) =>
      void a.splice(
        a.findIndex(({ t }) => t === 'noticed'),
        0,
        { t: 'noticed', ref: 'r1', reason: 'noproc' },
      ),
    /brought 2 down messages/,
  ],
  [
    'a down message for one who lives',
    (a) => void a.splice(-1, 0, { t: 'noticed', ref: 'r2', reason: 'noconnection' }),
    /session 2 stands, and a monitor in it brought a down message/,
  ],
  [
    'a down message that nobody asked for',
    (a) => void a.splice(-1, 0, { t: 'noticed', ref: 'r9', reason: 'normal' }),
    /for a monitor that was not made/,
  ],
  [
    'a counter that is off by one',
    (_a, b) => {
      endOf(b).counters = { ...endOf(b).counters, received: 10 };
    },
    /publishes from peers: its counter says 10, its history 9/,
  ],
  [
    'a member that nobody is any more',
    (a) => {
      endOf(a).views = { 'b@h': { ...OWN.b, 'pg old': ['b9'] } };
    },
    /its view of b@h#2: group pg old has \[b9\] and should have \[\]/,
  ],
  [
    'a member that is missing',
    (a) => {
      endOf(a).views = { 'b@h': { 'pg g': ['b1'], 'channel c': ['b2'] } };
    },
    /group pg g has \[b1\] and should have \[b1,b1\]/,
  ],
  [
    'members of a node that is gone',
    (a) => {
      endOf(a).views = { 'b@h': OWN.b, 'c@h': {} };
    },
    /it sees members of c@h, which is not there/,
  ],
  [
    'two nodes that are not connected',
    (_a, b) => {
      endOf(b).sessions = [];
    },
    /at the end it is connected to \[\], and there are \[a@h 1\]/,
  ],
];

describe('the checker of histories', () => {
  it('accounts for each message of histories that are right', () => {
    const { violations, account } = check(lives(histories()));
    expect(violations).toEqual([]);
    expect(account).toEqual({
      sent: 14,
      delivered: 9,
      droppedByBudget: 1,
      droppedWithSession: 2,
      inFlight: 2,
      lostWithSender: 0,
      damaged: 0,
    });
  });

  it('excuses one session of a direction from a gap for each bit that was flipped there, and no other', () => {
    const planted = histories();
    planted.b.splice(planted.b.findIndex(isGot(3)), 1, { t: 'damaged' });
    const flips = (from: string, to: string) => check(lives(planted), [{ from, to, count: 1 }]);
    expect(flips(A.name, B.name).violations).toEqual([]);
    expect(flips(A.name, B.name).account).toMatchObject({ sent: 14, delivered: 8, damaged: 1, inFlight: 2 });
    expect(flips(B.name, A.name).violations.join()).toMatch(/3 did not arrive/);
    planted.b.splice(planted.b.findIndex(isGot(1, 2)), 1, { t: 'damaged' });
    expect(flips(A.name, B.name).violations.join()).toMatch(/session 2 with b@h: 1 did not arrive/);
  });

  it('puts what a sender that was killed had not delivered to its end, its last message included', () => {
    const { a, b } = histories();
    // Killed behind the message 4, of which it knows no receipt; what was behind it never was.
    const cut = a.slice(
      0,
      a.findIndex((entry) => entry.t === 'receipt' && entry.seq === 4),
    );
    const bs = b.filter((entry) => entry.t !== 'got' || (entry.session === 1 && entry.seq <= 2)).slice(0, -1);
    const { violations, account } = check([
      { ...A, entries: cut },
      { ...B, entries: bs },
    ]);
    expect(violations).toEqual([]);
    expect(account).toMatchObject({ sent: 5, delivered: 3, lostWithSender: 2 });
  });

  it.each(PLANTED)('finds %s', (_, plant, said) => {
    const planted = histories();
    plant(planted.a, planted.b);
    expect(check(lives(planted)).violations.join('\n')).toMatch(said);
  });
});

import type { NodeName } from '@liminal-node/scheduler';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameType } from '../src/frame-type.js';
import {
  accept,
  dial,
  type Failure,
  type HandshakeEffect,
  type HandshakeEvent,
  type HandshakeState,
  type Identity,
  type Step,
  step,
} from '../src/handshake.js';
import {
  decodeHello,
  encodeChallenge,
  encodeHello,
  FEATURES,
  MAX_HANDSHAKE_FRAME_BYTES,
  PROTOCOL,
  printable,
} from '../src/handshake-message.js';

const identity = (name: string, more: Partial<Identity> = {}): Identity => ({
  name: name as NodeName,
  creation: 7,
  hidden: false,
  address: '127.0.0.1:4000',
  maxFrameBytes: 2 ** 24,
  cookie: 'secret',
  protocol: PROTOCOL,
  ...more,
});
const alice = identity('a@h');
const bob = identity('b@h', { creation: 9, hidden: true, address: null });
const token = Buffer.from('0123456789abcdef', 'hex');

let fresh = 0;
const challenge = (): Uint8Array => {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32BE(++fresh);
  return bytes;
};

/** One end: feeds events to the machine, answers what it asks with yes, and keeps what came of it. */
class End {
  readonly sent: { frameType: number; body: Uint8Array }[] = [];
  readonly seen: HandshakeEffect[] = [];
  readonly self: Identity;
  state: HandshakeState;

  constructor(self: Identity, role: 'dialler' | 'acceptor', lastSession = token) {
    this.self = self;
    this.lastSession = lastSession;
    this.state = accept(challenge());
    if (role === 'dialler') this.#take(dial(self, challenge()));
  }
  readonly lastSession: Uint8Array;

  on(event: HandshakeEvent): this {
    this.#take(step(this.self, this.state, event));
    return this;
  }

  #take([state, effects]: Step): void {
    this.state = state;
    for (const effect of effects) {
      if (effect.type === 'send') this.sent.push(effect);
      else this.seen.push(effect);
      if (effect.type === 'met') this.on({ type: 'permit', lastSession: this.lastSession });
      if (effect.type === 'proved') this.on({ type: 'accept' });
    }
  }

  get failure(): Failure | undefined {
    return this.seen.flatMap((effect) => (effect.type === 'failed' ? [effect.failure] : []))[0];
  }

  get done(): boolean {
    return this.seen.some(({ type }) => type === 'proved' || type === 'welcomed');
  }
}

type Tamper = (frameType: number, body: Uint8Array) => { frameType: number; body: Uint8Array };

/** Carries frames between two ends until nothing is under way, each through `tamper`. */
function run(dialler: End, acceptor: End, tamper: Tamper = (frameType, body) => ({ frameType, body })): void {
  let [toAcceptor, toDialler] = [0, 0];
  for (;;) {
    const up = dialler.sent[toAcceptor];
    if (up !== undefined) {
      toAcceptor++;
      acceptor.on({ type: 'frame', ...tamper(up.frameType, up.body) });
      continue;
    }
    const down = acceptor.sent[toDialler];
    if (down === undefined) return;
    toDialler++;
    dialler.on({ type: 'frame', ...tamper(down.frameType, down.body) });
  }
}

function flipBit(body: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(body);
  const at = bit >> 3;
  flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

describe('the handshake', () => {
  test('tells both ends who the other is, and gives both the same token', () => {
    const [dialler, acceptor] = [new End(alice, 'dialler'), new End(bob, 'acceptor')];
    run(dialler, acceptor);
    const welcomed = dialler.seen.find((effect) => effect.type === 'welcomed');
    const proved = acceptor.seen.find((effect) => effect.type === 'proved');
    expect(welcomed?.peer).toEqual({
      name: 'b@h',
      creation: 9,
      version: 2,
      hidden: true,
      address: null,
      maxFrameBytes: 2 ** 24,
      features: FEATURES,
    });
    expect(proved?.peer).toEqual({
      name: 'a@h',
      creation: 7,
      version: 2,
      hidden: false,
      address: '127.0.0.1:4000',
      maxFrameBytes: 2 ** 24,
      features: FEATURES,
    });
    expect(Buffer.from(proved?.lastSession ?? []).toString('hex')).toBe('0123456789abcdef');
    expect(welcomed?.token).toEqual(proved?.token);
    expect(welcomed?.token).toHaveLength(8);
    expect([...dialler.sent, ...acceptor.sent].every(({ body }) => body.length < MAX_HANDSHAKE_FRAME_BYTES)).toBe(true);
  });

  test.each([FrameType.HELLO, FrameType.CHALLENGE, FrameType.PROOF, FrameType.WELCOME])(
    'refuses every single flipped bit of frame %i',
    (type) => {
      const probe = [new End(alice, 'dialler'), new End(bob, 'acceptor')] as const;
      run(...probe);
      const bits =
        8 * ([...probe[0].sent, ...probe[1].sent].find(({ frameType }) => frameType === type)?.body.length ?? 0);
      expect(bits).toBeGreaterThan(200);
      for (let bit = 0; bit < bits; bit++) {
        const [dialler, acceptor] = [new End(alice, 'dialler'), new End(bob, 'acceptor')];
        run(dialler, acceptor, (frameType, body) => ({
          frameType,
          body: frameType === type ? flipBit(body, bit) : body,
        }));
        // The last frame has only the dialler to judge it; the acceptor then sees a closed connection.
        expect([dialler.done, type === FrameType.WELCOME ? false : acceptor.done], `bit ${bit}`).toEqual([
          false,
          false,
        ]);
        expect(dialler.failure ?? acceptor.failure).toBeDefined();
      }
    },
  );

  test('refuses another cookie: both ends know the reason and both names, and the acceptor gives no MAC', () => {
    const [dialler, acceptor] = [new End(identity('a@h', { cookie: 'other' }), 'dialler'), new End(bob, 'acceptor')];
    run(dialler, acceptor);
    const text = 'b@h and a@h do not have the same cookie';
    expect(acceptor.failure).toMatchObject({ by: 'us', code: 'cookie', text, peer: { name: 'a@h' } });
    expect(dialler.failure).toMatchObject({ by: 'peer', code: 'cookie', text, peer: { name: 'b@h' } });
    expect(acceptor.sent.map(({ frameType }) => frameType)).toEqual([FrameType.CHALLENGE, FrameType.REFUSE]);
  });

  test('refuses a replay of everything that a true dialler once sent', () => {
    const recorded = new End(alice, 'dialler');
    run(recorded, new End(bob, 'acceptor'));
    const acceptor = new End(bob, 'acceptor');
    for (const { frameType, body } of recorded.sent) acceptor.on({ type: 'frame', frameType, body });
    expect([acceptor.done, acceptor.failure?.code]).toEqual([false, 'cookie']);
  });

  test('refuses a replay of everything that a true acceptor once sent', () => {
    const recorded = new End(bob, 'acceptor');
    run(new End(alice, 'dialler'), recorded);
    const dialler = new End(alice, 'dialler');
    for (const { frameType, body } of recorded.sent) dialler.on({ type: 'frame', frameType, body });
    expect([dialler.done, dialler.failure?.code]).toEqual([false, 'cookie']);
  });

  test('refuses its own words sent back, as they are and in the other role', () => {
    const dialler = new End(alice, 'dialler');
    const [hello] = dialler.sent;
    const mirrored = hello?.body ?? Buffer.alloc(0);
    dialler.on({ type: 'frame', frameType: FrameType.HELLO, body: mirrored });
    expect(dialler.failure?.code).toBe('malformed');

    const other = new End(alice, 'dialler');
    const echo = encodeChallenge({ ...decodeHello(other.sent[0]?.body ?? Buffer.alloc(0)), version: 2 });
    other.on({ type: 'frame', frameType: FrameType.CHALLENGE, body: echo });
    expect([other.done, other.failure?.code, other.sent.length]).toEqual([false, 'self', 2]);
  });

  test('refuses the MAC of the dialler in the place of the MAC of the acceptor', () => {
    const [dialler, acceptor] = [new End(alice, 'dialler'), new End(bob, 'acceptor')];
    const mac = (): Uint8Array =>
      dialler.sent.find(({ frameType }) => frameType === FrameType.PROOF)?.body.subarray(8) ?? Buffer.alloc(0);
    run(dialler, acceptor, (frameType, body) => ({ frameType, body: frameType === FrameType.WELCOME ? mac() : body }));
    expect([dialler.done, dialler.failure?.code]).toEqual([false, 'cookie']);
  });

  test('a WELCOME without a PROOF, and any other frame out of turn, ends it', () => {
    for (const frameType of [
      0,
      FrameType.PROOF,
      FrameType.WELCOME,
      FrameType.HELLO,
      FrameType.HEARTBEAT,
      FrameType.SIGNAL,
      0x90,
    ]) {
      const dialler = new End(alice, 'dialler').on({ type: 'frame', frameType, body: Buffer.alloc(32) });
      expect(dialler.failure).toMatchObject({ by: 'us', code: 'malformed' });
      expect(dialler.sent.at(-1)?.frameType).toBe(FrameType.REFUSE);
    }
  });

  test('finds a common version, or refuses with both ranges (conformance N4)', () => {
    const hello = (minVersion: number, maxVersion: number): Uint8Array =>
      encodeHello({ ...alice, minVersion, maxVersion, features: 0xffff, challenge: challenge() });
    for (const [min, max] of [
      [0, 2],
      [2, 2],
      [1, 9],
    ] as const) {
      const acceptor = new End(bob, 'acceptor').on({
        type: 'frame',
        frameType: FrameType.HELLO,
        body: hello(min, max),
      });
      expect(acceptor.sent[0]?.frameType).toBe(FrameType.CHALLENGE);
    }
    for (const [min, max] of [
      [3, 9],
      [0, 1],
      [5, 2],
    ] as const) {
      const acceptor = new End(bob, 'acceptor').on({
        type: 'frame',
        frameType: FrameType.HELLO,
        body: hello(min, max),
      });
      expect(acceptor.failure).toMatchObject({ code: 'version', text: `b@h speaks 2 to 2, a@h ${min} to ${max}` });
    }
  });

  test('takes fields that a later version appends to a hello, and covers them with the MAC', () => {
    const longer = (body: Uint8Array): Uint8Array => Buffer.concat([body, Buffer.from('later')]);
    const acceptor = new End(bob, 'acceptor').on({
      type: 'frame',
      frameType: FrameType.HELLO,
      body: longer(new End(alice, 'dialler').sent[0]?.body ?? Buffer.alloc(0)),
    });
    expect(acceptor.sent[0]?.frameType).toBe(FrameType.CHALLENGE);
    const [dialler, other] = [new End(alice, 'dialler'), new End(bob, 'acceptor')];
    run(dialler, other, (frameType, body) => ({
      frameType,
      body: frameType === FrameType.HELLO ? longer(body) : body,
    }));
    expect(other.failure?.code).toBe('cookie');
  });

  test('knows itself, and another node of its name', () => {
    const self = [new End(alice, 'dialler'), new End(alice, 'acceptor')] as const;
    run(...self);
    expect([self[0].failure?.code, self[0].failure?.by, self[1].failure?.code]).toEqual(['self', 'peer', 'self']);
    expect(self[1].seen[0]).toMatchObject({ type: 'self' });
    const twin = identity('a@h', { creation: 8, address: '10.0.0.9:4000' });
    const twins = [new End(alice, 'dialler'), new End(twin, 'acceptor')] as const;
    run(...twins);
    expect(twins[0].failure?.code).toBe('name in use');
    expect(twins[0].failure?.text).toMatch(/a@h.*127\.0\.0\.1:4000.*10\.0\.0\.9:4000/);
  });

  test('takes a refusal at any moment, with the reason', () => {
    const [dialler, acceptor] = [new End(alice, 'dialler'), new End(bob, 'acceptor')];
    acceptor.on({ type: 'refuse', code: 'too many peers', text: 'full' });
    run(dialler, acceptor);
    expect(dialler.failure).toEqual({ by: 'peer', code: 'too many peers', text: 'full', peer: undefined });
  });

  test('ends with the deadline, once, and is deaf afterwards', () => {
    for (const role of ['dialler', 'acceptor'] as const) {
      const end = new End(alice, role).on({ type: 'abort', code: 'deadline', text: 'late' });
      const before = [end.sent.length, end.seen.length];
      end.on({ type: 'abort', code: 'deadline', text: 'late' });
      end.on({ type: 'frame', frameType: FrameType.HELLO, body: Buffer.alloc(9) });
      end.on({ type: 'accept' }).on({ type: 'permit', lastSession: token });
      expect([end.sent.length, end.seen.length]).toEqual(before);
      expect(end.failure).toMatchObject({ by: 'us', code: 'deadline' });
    }
  });

  test('neither garbage nor any cut of a true frame ever throws or passes', () => {
    const honest = [new End(alice, 'dialler'), new End(bob, 'acceptor')] as const;
    run(...honest);
    const bodies = [...honest[0].sent, ...honest[1].sent].map(({ body }) => body);
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.constantFrom(...bodies), fc.nat(200)).map(([whole, length]) => whole.slice(0, length)),
    );
    const frame = fc.record({ frameType: fc.oneof(fc.constantFrom(1, 2, 3, 4, 5), fc.nat(255)), body });
    fc.assert(
      fc.property(
        fc.constantFrom('dialler' as const, 'acceptor' as const),
        fc.array(frame, { maxLength: 6 }),
        (role, sequence) => {
          const end = new End(role === 'dialler' ? alice : bob, role);
          for (const next of sequence) end.on({ type: 'frame', ...next });
          expect(end.done).toBe(false);
        },
      ),
    );
  });

  test('a peer cannot write control characters into a log', () => {
    expect(printable('a\n\u001b[31mé\u0000b')).toBe('a??[31m??b');
  });
});

import { expect, test } from 'vitest';
import { FrameType, isOptional } from '../src/frame-type.js';
import { PROTOCOL, REFUSAL_CODES } from '../src/handshake-message.js';

// Other nodes run other versions: a number here may be added, never changed and never used again.
test('the numbers on the wire are what they have always been', () => {
  expect(FrameType).toEqual({
    HELLO: 1,
    CHALLENGE: 2,
    PROOF: 3,
    WELCOME: 4,
    REFUSE: 5,
    HEARTBEAT: 16,
    HEARTBEAT_ACK: 17,
    LEAVE: 18,
    LEAVE_ACK: 19,
    PEERS: 20,
    CLOSE: 21,
    FRAGMENT: 22,
    LOST: 23,
    FRAGMENTS_READ: 24,
    SIGNAL: 32,
    PG_SNAPSHOT: 40,
    PG_UPDATE: 41,
    PG_RESYNC: 42,
    PUBLISH: 48,
    PUBLISH_BLOCK: 49,
    MISSING: 152,
    PG_ASK: 168,
    PG_ACK: 169,
    PG_HAVE: 170,
    PG_RESUME: 171,
    GLOBAL_NAMES: 184,
  });
  expect(REFUSAL_CODES).toEqual([
    'malformed',
    'version',
    'self',
    'name in use',
    'cookie',
    'duplicate',
    'too many peers',
    'leaving',
    'not allowed',
    'disconnected',
    'apart',
    'creation',
  ]);
  expect(PROTOCOL).toEqual({ min: 2, max: 2 });
});

test('the high bit makes a type optional', () => {
  expect([32, 127, 128, 255].map(isOptional)).toEqual([false, false, true, true]);
});

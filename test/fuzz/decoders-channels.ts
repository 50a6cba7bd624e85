/** A publish of a peer: its head on the home thread, and the envelope on the subscriber's. */
import { serialize } from 'node:v8';
import { decodeUntrusted, formatPid, type NodeName } from '@liminal-node/scheduler';
import { isEnvelope } from '../../packages/channels/dist/envelope.js';
import { decodePublication, encodePublication, envelopeBytes } from '../../packages/channels/dist/publication.js';
import { PublicationReader } from '../../packages/channels/dist/publications.js';
import { encodeValue } from '../../packages/scheduler/dist/encoding/value-codec.js';
import type { Decoder } from './decoders.js';
import { VALUE_BYTES } from './decoders-scheduler.js';
import { anyValue } from './values.js';

const source = { node: 'b@h' as NodeName, creation: 11 };

export const channelsDecoders: readonly Decoder[] = [
  {
    name: 'publication',
    memoryPerByte: VALUE_BYTES,
    decode: (bytes) => {
      const reader = new PublicationReader();
      const first = reader.read(source, bytes);
      // As one that comes behind others like it.
      const second = reader.read(source, bytes);
      const { head, payload } = decodePublication(bytes, source);
      if (!head.publisher.startsWith('b@h#b.')) throw new Error(`in the name of ${head.publisher}`);
      const envelope = decodeUntrusted(envelopeBytes(head, payload));
      if (!isEnvelope(envelope, head.channel)) throw new Error('no envelope');
      for (const { channel, message } of [first, second]) {
        if (channel !== head.channel || !serialize(message.value).equals(serialize(envelope)))
          throw new Error('another envelope');
      }
    },
    make: (chance) => {
      const publisher = formatPid({ ...source, thread: chance.below(9), serial: chance.below(999) });
      const head = {
        id: chance.text(),
        channel: chance.text(),
        publisher,
        timestamp: chance.number(48),
        parents: chance.list(3, () => chance.text()),
        trace: chance.text(),
        contentType: chance.text(),
      };
      return encodePublication(head, encodeValue(anyValue(chance)));
    },
  },
];

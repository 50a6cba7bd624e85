/** Publishes of a peer: their heads on the home thread, and the envelopes on the subscriber's. */
import { serialize } from 'node:v8';
import { ByteWriter, decodeUntrusted, formatPid, type NodeName } from '@liminal-node/scheduler';
import { isEnvelope } from '../../packages/channels/dist/envelope.js';
import { decodePublication, encodePublication, envelopeBytes } from '../../packages/channels/dist/publication.js';
import { IncomingBlocks, OutgoingBlocks, publicationsIn } from '../../packages/channels/dist/publication-block.js';
import { PublicationReader } from '../../packages/channels/dist/publications.js';
import { FormedBlockReader } from '../../packages/scheduler/dist/encoding/formed-block.js';
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
  {
    name: 'publication-block',
    memoryPerByte: VALUE_BYTES,
    decode: (bytes) => {
      const { channel, message } = new IncomingBlocks().read(source, bytes);
      const { count, form, start } = message;
      if (publicationsIn(bytes) !== count) throw new Error('another number of publications');
      let told = 0;
      let fault: unknown;
      const taker = {
        take: (envelope: unknown) => {
          told++;
          if (!isEnvelope(envelope, channel)) throw new Error('no envelope');
          if (!envelope.publisher.startsWith('b@h#b.')) throw new Error(`in the name of ${envelope.publisher}`);
        },
        refuse: (error: unknown) => {
          told++;
          fault = error;
        },
      };
      const reader = new FormedBlockReader();
      // In two parts, as threads with many receivers are given it.
      const middle = message.endOf(start, Math.ceil(count / 2));
      reader.read(form, message.bytes, start, middle, true, taker);
      reader.read(form, message.bytes, middle, message.bytes.length, false, taker);
      if (told !== count) throw new Error(`${told} of ${count} publications`);
      if (fault !== undefined) throw fault;
    },
    make: (chance) => {
      const start = new ByteWriter().text(`c${chance.text()}`).u32(chance.below(9)).u48(chance.below(999)).take();
      const blocks = new OutgoingBlocks(start, chance.text(), `b@h/b/`);
      let block = blocks.add(0, 0, null);
      if (block !== undefined) block.carrier = { mayGrow: true };
      for (let sequence = 1; sequence < 1 + chance.below(4); sequence++) {
        const value = anyValue(chance);
        const next = blocks.add(sequence, 2, value) ?? blocks.addEncoded(sequence, 2, encodeValue(value));
        if (next !== undefined) {
          next.carrier = { mayGrow: true };
          block = next;
        }
      }
      return Buffer.from(block?.upTo(block.length) ?? []);
    },
  },
];

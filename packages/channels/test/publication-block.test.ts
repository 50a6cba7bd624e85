import { formatPid, type NodeName, type Pid } from '@liminal-node/scheduler';
import { describe, expect, test } from 'vitest';
import { IncomingBlocks, MAX_BLOCK_BYTES, type PublicationBlock, publicationsIn } from '../src/publication-block.js';
import { PublicationForm } from '../src/publication-form.js';

const source = { node: 'b@h' as NodeName, creation: 11 };
const publisher = formatPid({ ...source, thread: 1, serial: 7 });

const formOf = (channel: string, by: Pid = publisher): PublicationForm =>
  new PublicationForm({ channel, publisher: by, contentType: 'text/plain' }, 'b@h/b/');

const always = { mayGrow: true };

function bytesOf(block: PublicationBlock | undefined): Uint8Array {
  return Uint8Array.from(block?.upTo(block.length) ?? []);
}

describe('what is published together', () => {
  test('stands in one block as long as its carrier takes more', () => {
    const { blocks } = formOf('orders');
    const carrier = { mayGrow: true };
    const first = blocks.add(0, 1, { n: 0 });
    if (first !== undefined) {
      first.carrier = carrier;
      first.isKept = true;
    }
    expect(blocks.add(1, 1, { n: 1 })).toBe(first);
    expect(blocks.addEncoded(2, 1, new Uint8Array([1]))).toBe(first);
    carrier.mayGrow = false;
    const kept = bytesOf(first);
    expect(blocks.add(3, 1, { n: 3 })).not.toBe(first);
    expect(publicationsIn(kept)).toBe(3);
    expect(bytesOf(first)).toEqual(kept);
  });

  test('stands alone where nobody carries it, in memory that is used again where nobody keeps it', () => {
    const { blocks } = formOf('orders');
    const first = blocks.add(0, 1, 'first');
    const second = blocks.add(1, 1, 'second');
    expect(second).not.toBe(first);
    expect(publicationsIn(bytesOf(second))).toBe(1);
    expect(second?.upTo(1).byteOffset).toBe(first?.upTo(1).byteOffset);
    expect(second?.upTo(1).buffer).toBe(first?.upTo(1).buffer);
  });

  test('is no longer than a block may be', () => {
    const { blocks } = formOf('orders');
    const all = new Set<PublicationBlock | undefined>();
    for (let n = 0; n < 100; n++) {
      const block = blocks.add(n, 1, 'x'.repeat(500));
      if (block !== undefined) Object.assign(block, { carrier: always, isKept: true });
      all.add(block);
    }
    expect(all.size).toBeGreaterThan(2);
    for (const block of all) expect(block?.length).toBeLessThanOrEqual(MAX_BLOCK_BYTES);
    expect([...all].reduce((sum, block) => sum + publicationsIn(bytesOf(block)), 0)).toBe(100);
    expect(blocks.add(100, 1, 'x'.repeat(MAX_BLOCK_BYTES))).toBeUndefined();
  });

  test('is not what a getter in a payload publishes meanwhile', () => {
    const { blocks } = formOf('orders');
    let inner: unknown = 'not asked';
    const block = blocks.add(0, 1, {
      get n() {
        inner = blocks.add(1, 1, 'inner') ?? blocks.addEncoded(1, 1, new Uint8Array([1]));
        return 1;
      },
    });
    expect(inner).toBeUndefined();
    expect(publicationsIn(bytesOf(block))).toBe(1);
  });
});

describe('a block of a peer', () => {
  test('is of its channel and its publisher, whose node is that of the session', () => {
    const reader = new IncomingBlocks();
    for (const channel of ['orders', 'orders', 'other', 'orders']) {
      const { channel: read, message } = reader.read(source, bytesOf(formOf(channel).blocks.add(5, 1, 'x')));
      expect(read).toBe(channel);
      expect(message.form.definition).toMatchObject({
        prefix: 'b@h/b/',
        fields: { channel, publisher, contentType: 'text/plain', parents: [] },
      });
    }
    const other = { node: 'c@h' as NodeName, creation: 11 };
    const { message } = reader.read(other, bytesOf(formOf('orders').blocks.add(5, 1, 'x')));
    expect(message.form.definition.fields['publisher']).toBe(formatPid({ ...other, thread: 1, serial: 7 }));
  });

  test('of one publisher is not taken for another’s, and its head is read once', () => {
    const reader = new IncomingBlocks();
    const read = (by: Pid): unknown =>
      reader.read(source, bytesOf(formOf('orders', by).blocks.add(1, 1, 1))).message.form;
    const [a, b] = [formatPid({ ...source, thread: 1, serial: 8 }), formatPid({ ...source, thread: 2, serial: 8 })];
    const [formA, formB] = [read(a), read(b)];
    expect(formA).not.toBe(formB);
    expect([read(a), read(a), read(b)]).toEqual([formA, formA, formB]);
    expect(read(a)).toBe(formA);
  });

  test('with a head that is none is refused', () => {
    const good = bytesOf(formOf('orders').blocks.add(1, 1, 1));
    for (let end = 0; end < good.length; end++) {
      expect(() => new IncomingBlocks().read(source, good.subarray(0, end)), `cut at ${end}`).toThrow(
        expect.objectContaining({ code: 'ERR_LIMINAL_PROTOCOL' }),
      );
    }
    for (const form of [
      new PublicationForm({ channel: '', publisher, contentType: '' }, 'b@h/b/'),
      new PublicationForm({ channel: 'orders', publisher, contentType: '' }, ''),
    ]) {
      expect(() => new IncomingBlocks().read(source, bytesOf(form.blocks.add(1, 1, 1)))).toThrow('bad envelope');
    }
  });
});

/**
 * What a peer is told of frames that it will not get.
 *
 *   LOST   u16 entries | of each: u8 type of the lost frames, u48 how many, u16 bytes of a label, the label
 *
 * 1. A notice stands in the flow of the lost frames, where they would have stood, and is delivered like a signal.
 * 2. Until it is written, whatever is lost next to it is added to it. So a peer that reads nothing is owed a notice
 *    for each place in a flow, however many frames it misses there.
 * 3. The label is of the layer that sent the frames, and says what it will have to know of them.
 */
import { ByteReader, ByteWriter, ProtocolError } from '@liminal-node/scheduler';

/** A notice takes no new entry beyond this; the next loss begins another. Below `FRAGMENT_BYTES`: it travels whole. */
const MAX_NOTICE_BYTES = 32 * 1_024;

/** The longest label. */
export const MAX_LABEL_BYTES = 1_024;

const COUNT_BYTES = 2;
const ENTRY_HEAD_BYTES = 9;
/** The counts on the wire end here; a peer that reads nothing for that long is gone before. */
const MAX_COUNT = 2 ** 48 - 1;

/** Frames of one kind, all of them lost. */
export interface Loss {
  readonly type: number;
  readonly label: Uint8Array;
}

/** What losses have in common that are told as one. */
export function kindOf({ type, label }: Loss): string {
  return `${type} ${Buffer.from(label).toString('latin1')}`;
}

export interface CountedLoss extends Loss {
  readonly count: number;
}

export class LossNotice {
  readonly #entries = new Map<string, { readonly loss: Loss; count: number }>();
  #bytes = COUNT_BYTES;

  /** Bytes of its body now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Frames that it tells of. */
  get count(): number {
    let sum = 0;
    for (const { count } of this.#entries.values()) sum += count;
    return sum;
  }

  /** Adds one frame of a kind that it tells of already. @returns whether it does. */
  again(kind: string): boolean {
    const entry = this.#entries.get(kind);
    if (entry === undefined) return false;
    entry.count = Math.min(MAX_COUNT, entry.count + 1);
    return true;
  }

  /** Adds frames of one kind. @returns the bytes that it is longer now; undefined where there was no room. */
  add(loss: Loss, count = 1): number | undefined {
    const key = kindOf(loss);
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.count = Math.min(MAX_COUNT, entry.count + count);
      return 0;
    }
    const bytes = ENTRY_HEAD_BYTES + loss.label.length;
    if (this.#entries.size > 0 && this.#bytes + bytes > MAX_NOTICE_BYTES) return undefined;
    this.#entries.set(key, { loss, count });
    this.#bytes += bytes;
    return bytes;
  }

  /** Adds all that another tells of, if there is room for it. @returns whether there was. */
  absorb(other: LossNotice): boolean {
    if (this.#bytes + other.#bytes - COUNT_BYTES > MAX_NOTICE_BYTES) return false;
    for (const { loss, count } of other.#entries.values()) this.add(loss, count);
    return true;
  }

  encode(): Uint8Array {
    const writer = new ByteWriter(this.#bytes).u16(this.#entries.size);
    for (const { loss, count } of this.#entries.values()) {
      writer.u8(loss.type).u48(count).u16(loss.label.length).raw(loss.label);
    }
    return writer.take();
  }
}

/** @throws ProtocolError where the bytes are no notice, or more than one has. Labels are views of them. */
export function decodeLosses(body: Uint8Array): readonly CountedLoss[] {
  if (body.length > MAX_NOTICE_BYTES) throw new ProtocolError('bad loss notice', `of ${body.length} bytes`);
  const reader = new ByteReader(body);
  const entries = reader.u16();
  const losses: CountedLoss[] = [];
  for (let entry = 0; entry < entries; entry++) {
    const type = reader.u8();
    const count = reader.u48();
    const bytes = reader.u16();
    if (count === 0 || bytes > MAX_LABEL_BYTES) throw new ProtocolError('bad loss notice', `${count}, ${bytes} bytes`);
    losses.push({ type, count, label: reader.raw(bytes) });
  }
  reader.end();
  return losses;
}

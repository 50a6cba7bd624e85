/**
 * Streams of messages as bytes, between threads and between nodes: the common kinds of values (primitives, plain
 * objects, arrays, maps, sets, dates and bytes), written straight behind what the batch holds already, by
 * `value-writer.ts`, and read by `value-reader.ts`.
 *
 * Beside `value-codec.ts` it is the way of many small messages: the keys of an object are told once in a stream
 * (`shapes.ts`), and nothing is copied in between. A value with anything else in it `write` leaves to that codec,
 * refusals included, so that both give the same. The stream between two threads never ends; one between nodes is
 * a block of messages (`message-block.ts`).
 *
 *   newShape   u32: number of keys in the low 8 bits, bytes of the keys in the others | the keys, each as text
 */

/** First bytes. Below 0x80: that number. From `shortText` on: ASCII text of up to 31 characters. */
export const KIND = {
  null: 0x80,
  undefined: 0x81,
  false: 0x82,
  true: 0x83,
  int32: 0x84,
  float64: 0x85,
  bigInt: 0x86,
  ascii: 0x87,
  utf8: 0x88,
  array: 0x89,
  object: 0x8a,
  newShape: 0x8b,
  map: 0x8c,
  set: 0x8d,
  date: 0x8e,
  bytes: 0x8f,
  forgetShapes: 0x90,
  shortText: 0xa0,
} as const;

/** Characters of ASCII text whose length is in the first byte. */
export const MAX_SHORT_TEXT = 31;

/** Up to here a loop beats the call that writes or reads text. */
export const LOOPED_TEXT = 12;

/** Node's own methods behind `write` and `toString`, without their checks of arguments. */
export interface TextBuffer extends Buffer {
  utf8Write(text: string, at: number, maxBytes: number): number;
  latin1Slice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
}

/** Stands for a batch where there is none. */
export const NO_BYTES = Buffer.alloc(0) as unknown as TextBuffer;

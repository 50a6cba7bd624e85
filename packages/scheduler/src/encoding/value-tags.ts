/** The CBOR tags of our own, part of the protocol between nodes: numbers are only ever added. See `value-codec.ts`. */
export const VALUE_TAG = {
  negativeZero: 600,
  bigInt: 601,
  arrayBuffer: 602,
  error: 603,
  markedText: 604,
  indexedObject: 605,
  date: 606,
} as const;

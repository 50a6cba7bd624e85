/**
 * The demo's subscriber: a process on a scheduler thread that keeps book of what comes into its mailbox, and
 * answers whoever asks for it.
 */
import { defineProcess, type Pid } from '@liminal-node/scheduler';
import type { Envelope } from '../../node.js';
import type { DemoPayload, Received } from './protocol.js';
import { createSequenceSet, type SequenceSet } from './sequence.js';

/** Asks the counter for what it has received so far. */
export interface Question {
  readonly replyTo: Pid<CounterAnswer>;
}

/** By publisher. */
export type CounterAnswer = Readonly<Record<string, Received>>;

export const counter = defineProcess(import.meta.url, 'counter', (self) => {
  const publishers = new Map<string, { readonly numbers: SequenceSet; duplicates: number }>();
  const record = ({ publisher, sequence }: DemoPayload): void => {
    let entry = publishers.get(publisher);
    if (entry === undefined) {
      entry = { numbers: createSequenceSet(), duplicates: 0 };
      publishers.set(publisher, entry);
    }
    if (!entry.numbers.add(sequence)) entry.duplicates += 1;
  };
  const answer = (): CounterAnswer =>
    Object.fromEntries(
      [...publishers].map(([publisher, { numbers, duplicates }]) => [
        publisher,
        { ranges: numbers.ranges(), duplicates },
      ]),
    );
  return (message: Envelope<DemoPayload> | Question) => {
    if ('replyTo' in message) self.send(message.replyTo, answer());
    else record(message.payload);
  };
});

/**
 * The demo's accounts: for each pair of nodes, what was published, sent, received, cut, lost and duplicated.
 *
 * The rule, number by number, for one life of a publisher and one life of a subscriber:
 * - A number counts as sent when the subscriber was a member of the channel, as the publisher knew it, at the
 *   publish; or when it arrived. What is published while a node is away is not sent to it.
 * - A sent number that did not arrive is lost, with one exception: where one of the two was killed, what is
 *   missing behind the last number known to have arrived was cut by the kill. It may have been in a buffer of
 *   the dead, or received and not yet reported; nobody is left to say. A gap before that is lost all the same.
 * - A number that arrived again is duplicated.
 */
import type { DemoReport } from './protocol.js';
import { difference, type Range, size } from './sequence.js';

/** One life of one node, as last reported. */
export interface Life {
  readonly node: string;
  readonly killed: boolean;
  readonly report: DemoReport;
}

export interface Account {
  readonly published: number;
  readonly sent: number;
  readonly received: number;
  readonly cut: number;
  readonly lost: number;
  readonly duplicated: number;
}

export interface PairAccount extends Account {
  readonly from: string;
  readonly to: string;
}

const NOTHING: Account = { published: 0, sent: 0, received: 0, cut: 0, lost: 0, duplicated: 0 };

/** One account for each pair of node names, in the order of the lives. All lives of a node count together. */
export function pairAccounts(lives: readonly Life[]): readonly PairAccount[] {
  const names = [...new Set(lives.map((life) => life.node))];
  return names.flatMap((from) =>
    names.map((to) => {
      const publishers = lives.filter((life) => life.node === from);
      const subscribers = lives.filter((life) => life.node === to);
      const parts = publishers.flatMap((publisher) => subscribers.map((subscriber) => account(publisher, subscriber)));
      const published = publishers.reduce((sum, publisher) => sum + publishedBy(publisher, lives), 0);
      return { from, to, ...total(parts), published };
    }),
  );
}

/** What was reported, or what arrived beyond it: a killed node published a little after its last report. */
function publishedBy({ report }: Life, lives: readonly Life[]): number {
  const arrived = lives.map((life) => life.report.received[report.life]?.ranges.at(-1)?.[1] ?? 0);
  return Math.max(report.published, ...arrived);
}

/** The sum of accounts. */
export function total(accounts: readonly Account[]): Account {
  return accounts.reduce(
    (sum, next) => ({
      published: sum.published + next.published,
      sent: sum.sent + next.sent,
      received: sum.received + next.received,
      cut: sum.cut + next.cut,
      lost: sum.lost + next.lost,
      duplicated: sum.duplicated + next.duplicated,
    }),
    NOTHING,
  );
}

/** One life of a publisher and one life of a subscriber. */
export function account(publisher: Life, subscriber: Life): Account {
  const targeted = publisher.report.sent[subscriber.report.subscriber] ?? [];
  const { ranges: arrived, duplicates } = subscriber.report.received[publisher.report.life] ?? NOTHING_RECEIVED;
  const missing = difference(targeted, arrived);
  const received = size(arrived);
  const lastArrived = arrived.at(-1)?.[1] ?? 0;
  const behind = publisher.killed || subscriber.killed ? size(difference(missing, [[0, lastArrived]])) : 0;
  return {
    published: publisher.report.published,
    sent: received + size(missing),
    received,
    cut: behind,
    lost: size(missing) - behind,
    duplicated: duplicates,
  };
}

/** Whether everything that two living nodes sent each other has arrived. */
export function isSettled(lives: readonly Life[]): boolean {
  const living = lives.filter((life) => !life.killed);
  return living.every((publisher) => living.every((subscriber) => account(publisher, subscriber).lost === 0));
}

const NOTHING_RECEIVED: { readonly ranges: readonly Range[]; readonly duplicates: number } = {
  ranges: [],
  duplicates: 0,
};

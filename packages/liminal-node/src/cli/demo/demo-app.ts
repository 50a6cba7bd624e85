/**
 * What each node of the demo runs, as a user's app is run: `start --app`. It spawns a counting subscriber,
 * publishes at a steady rate when told to, and reports both a few times a second to the demo that started it.
 */
import type { Pid } from '@liminal-node/scheduler';
import type { LiminalNode } from '../../node.js';
import { type CounterAnswer, counter } from './counter-process.js';
import { DEMO_CHANNEL, type DemoCommand, type DemoPayload, type DemoReport } from './protocol.js';
import { createSequenceSet, type SequenceSet } from './sequence.js';

const REPORT_INTERVAL_MS = 200;
const PUBLISH_INTERVAL_MS = 20;

export default async function demoApp(node: LiminalNode): Promise<void> {
  // The demo has ended or was killed: nobody is left to stop this node.
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

  const subscriber = await node.spawn(counter, []);
  node.channel<DemoPayload>(DEMO_CHANNEL).subscribe(subscriber);
  const publisher = createPublisher(node, subscriber);
  const asker = node.attach();
  const report = async (finished: boolean): Promise<void> => {
    asker.send(subscriber, { replyTo: asker.pid });
    const received = await asker.receive<CounterAnswer>();
    const message: DemoReport = {
      type: 'report',
      life: publisher.life,
      subscriber,
      sees: [...new Set([node.name, ...node.clusterSync.remoteTargets(DEMO_CHANNEL).map((target) => target.node)])],
      published: publisher.published,
      sent: publisher.sent(),
      received,
      finished,
    };
    if (process.connected) process.send?.(message);
  };
  let finished = false;
  // One report at a time, so that answers and questions pair up.
  const reportForEver = async (): Promise<void> => {
    await report(finished);
    setTimeout(() => void reportForEver(), REPORT_INTERVAL_MS);
  };
  process.on('message', (command: DemoCommand) => {
    if (command.type === 'publish') return publisher.start(command.ratePerSecond);
    void publisher.stop().then(() => {
      finished = true;
    });
  });
  await reportForEver();
}

interface Publisher {
  readonly life: string;
  readonly published: number;
  sent(): DemoReport['sent'];
  start(ratePerSecond: number): void;
  /** Resolves when all that was published has been handed to the kernel. */
  stop(): Promise<void>;
}

function createPublisher(node: LiminalNode, ownSubscriber: Pid): Publisher {
  const life = `${node.name}#${node.creation}`;
  const channel = node.channel<DemoPayload>(DEMO_CHANNEL);
  const sent = new Map<string, SequenceSet>();
  const outstanding = new Set<Promise<unknown>>();
  let published = 0;
  let timer: NodeJS.Timeout | undefined;

  const publishOne = (): void => {
    published += 1;
    // Asked in the same turn as the publish: exactly these are its targets.
    const targets = [ownSubscriber, ...node.clusterSync.remoteTargets(DEMO_CHANNEL).map((target) => target.pid)];
    for (const target of targets) {
      const numbers = sent.get(target) ?? createSequenceSet();
      numbers.add(published);
      sent.set(target, numbers);
    }
    const receipt = channel.publish({ publisher: life, sequence: published }, { flush: true });
    outstanding.add(receipt);
    void receipt.finally(() => outstanding.delete(receipt));
  };

  return {
    life,
    get published() {
      return published;
    },
    sent: () => Object.fromEntries([...sent].map(([pid, numbers]) => [pid, numbers.ranges()])),
    start(ratePerSecond) {
      const startedAt = performance.now();
      timer = setInterval(() => {
        const due = ((performance.now() - startedAt) / 1000) * ratePerSecond;
        while (published < due) publishOne();
      }, PUBLISH_INTERVAL_MS);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(outstanding);
    },
  };
}

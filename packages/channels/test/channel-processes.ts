/** Processes that use channels on scheduler threads. They answer `replyTo` and end when they are told nothing more. */
import { channelOf, type Envelope, type Gap, isEnvelope } from '@liminal-node/channels';
import { defineProcess, type Pid } from '@liminal-node/scheduler';

/** Publishes each of `payloads`, and reports the receipts or the code of the first error. */
export const publisher = defineProcess(
  import.meta.url,
  'publisher',
  async (self, channel: string, payloads: readonly unknown[], replyTo: Pid) => {
    try {
      const receipts = await Promise.all(payloads.map((payload) => channelOf(self, channel).publish(payload)));
      self.send(replyTo, { receipts });
    } catch (error) {
      self.send(replyTo, { code: error instanceof Error && 'code' in error ? error.code : String(error) });
    }
  },
);

/** Subscribes, says so, and reports the payloads that came before 'end', when that came. */
export const subscriber = defineProcess(import.meta.url, 'subscriber', async (self, channel: string, replyTo: Pid) => {
  await channelOf(self, channel).subscribe();
  self.send(replyTo, { subscribed: self.pid });
  const payloads: unknown[] = [];
  for (;;) {
    const envelope = await self.receive({ match: isEnvelope });
    if (envelope.payload === 'end') break;
    payloads.push(envelope.payload);
  }
  await channelOf(self, channel).unsubscribe();
  self.send(replyTo, { payloads });
  await self.receive();
});

/** Subscribes and waits for other nodes, and says how that ended. */
export const patient = defineProcess(import.meta.url, 'patient', async (self, channel: string, replyTo: Pid) => {
  try {
    await channelOf(self, channel).subscribe({ ready: 'cluster', timeoutMs: 30_000 });
    self.send(replyTo, 'ready');
  } catch (error) {
    self.send(replyTo, { code: error instanceof Error && 'code' in error ? error.code : String(error) });
  }
  await self.receive({ match: (message) => message === 'end' });
});

/** Two subscribers on one thread that compare what they were given. */
export const twins = defineProcess(import.meta.url, 'twins', async (self, channel: string, replyTo: Pid) => {
  let theirs: unknown;
  const twin = self.spawnLocal(async (other) => {
    await channelOf(other, channel).subscribe();
    other.send(self.pid, 'subscribed');
    theirs = await other.receive({ match: isEnvelope });
    other.send(self.pid, 'received');
  }, []);
  await channelOf(self, channel).subscribe();
  await self.receive({ match: (message) => message === 'subscribed' });
  self.send(replyTo, { subscribed: twin });
  const mine = await self.receive({ match: isEnvelope });
  await self.receive({ match: (message) => message === 'received' });
  self.send(replyTo, { same: mine === theirs, frozen: Object.isFrozen(mine) });
});

/** Subscribes with gaps, holds its thread for a while at the first number, and reports when all are accounted for. */
export const accountant = defineProcess(
  import.meta.url,
  'accountant',
  async (self, channel: string, blockMs: number, replyTo: Pid) => {
    await channelOf(self, channel).subscribe({ gaps: true });
    self.send(replyTo, 'subscribed');
    const items: (number | string)[] = [];
    let due = 0;
    for await (const message of self.messages<Envelope<{ n: number; last: boolean }> | Gap>()) {
      if ('signal' in message) {
        items.push(message.reason);
        due += message.count ?? Number.NaN;
        continue;
      }
      const { n, last } = message.payload;
      if (n === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
      items.push(n === due ? 'due' : `${n} came where ${due} was due`);
      due = n + 1;
      if (last) self.send(replyTo, { items, due });
    }
  },
);

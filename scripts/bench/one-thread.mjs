/**
 * The rows of one thread, each run in an OS process of its own: `node one-thread.mjs ROW` prints its figures as
 * JSON. `erlang/one_thread.erl` does the same work on OTP.
 */
import { Scheduler } from '@liminal-node/scheduler';

const scheduler = await Scheduler.start({ threads: 0 });

/** Spawns and waits until the process has done its work, which it tells by calling `done`. */
function finished(start) {
  return new Promise((resolve) => start(resolve));
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function perSecond(count, work) {
  const startedAt = performance.now();
  await work();
  return count / ((performance.now() - startedAt) / 1000);
}

/** Each pong carries the number of its ping, which is checked. */
function pingPongHandlers(count) {
  const pong = scheduler.spawnLocal(
    (self) =>
      ({ from, n }) =>
        self.send(from, { n }),
    [],
  );
  return perSecond(count, () =>
    finished((done) =>
      scheduler.spawnLocal((self) => {
        let expected = 0;
        self.send(pong, { from: self.pid, n: 0 });
        return ({ n }) => {
          if (n !== expected++) throw new Error(`pong ${n} where ${expected - 1} was due`);
          if (expected === count) done();
          else self.send(pong, { from: self.pid, n: expected });
        };
      }, []),
    ),
  );
}

function pingPongAwait(count) {
  const pong = scheduler.spawnLocal(async (self) => {
    for (;;) {
      const { from, n } = await self.receive();
      self.send(from, { n });
    }
  }, []);
  return perSecond(count, () =>
    finished((done) =>
      scheduler.spawnLocal(async (self) => {
        for (let expected = 0; expected < count; expected++) {
          self.send(pong, { from: self.pid, n: expected });
          const { n } = await self.receive();
          if (n !== expected) throw new Error(`pong ${n} where ${expected} was due`);
        }
        done();
      }, []),
    ),
  );
}

/** The sender yields now and then, as one that shares its thread must. */
function oneWay(count) {
  return perSecond(count, () =>
    finished((done) => {
      const counter = scheduler.spawnLocal(() => {
        let expected = 0;
        return ({ n }) => {
          if (n !== expected++) throw new Error(`message ${n} where ${expected - 1} was due`);
          if (expected === count) done();
        };
      }, []);
      scheduler.spawnLocal(async (self) => {
        for (let n = 0; n < count; n++) {
          self.send(counter, { n });
          if (n % 1000 === 999) await turn();
        }
      }, []);
    }),
  );
}

/** One publisher to many subscribers by sends, a message object for all of them. */
function fanOut(subscribers, publishes) {
  return perSecond(subscribers * publishes, () =>
    finished((done) => {
      let left = subscribers;
      const pids = Array.from({ length: subscribers }, () =>
        scheduler.spawnLocal(() => {
          let expected = 0;
          return ({ n }) => {
            if (n !== expected++) throw new Error(`message ${n} where ${expected - 1} was due`);
            if (expected === publishes && --left === 0) done();
          };
        }, []),
      );
      scheduler.spawnLocal(async (self) => {
        for (let n = 0; n < publishes; n++) {
          const message = { n };
          for (const pid of pids) self.send(pid, message);
          if (n % 10 === 9) await turn();
        }
      }, []);
    }),
  );
}

/** Waves of handler processes that begin, say so, and are ended. */
function spawns(wave, waves) {
  return perSecond(wave * waves, async () => {
    for (let n = 0; n < waves; n++) {
      const pids = [];
      await finished((done) => {
        let left = wave;
        const begin = () => {
          if (--left === 0) done();
          return () => {};
        };
        scheduler.spawnLocal((self) => {
          for (let child = 0; child < wave; child++) pids.push(self.spawnLocal(begin, []));
        }, []);
      });
      for (const pid of pids) scheduler.exitProcess(pid, 'shutdown');
    }
  });
}

const handler = () => () => {};
const body = async (self) => {
  for (;;) await self.receive();
};

/** Heap of idle processes, and how fast they came up. */
async function alive(definition, count) {
  const pids = [];
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  const perSecondSpawned = await perSecond(count, async () => {
    for (let n = 0; n < count; n++) {
      pids.push(scheduler.spawnLocal(definition, []));
      if (n % 10_000 === 9_999) await turn();
    }
    await turn();
  });
  globalThis.gc();
  // The array that holds their pids is the benchmark's own: eight bytes each.
  const bytes = (process.memoryUsage().heapUsed - before) / count - 8;
  const [{ processes }] = await scheduler.inspect();
  if (processes < count) throw new Error(`${processes} of ${count} processes are alive`);
  return { bytes, perSecond: perSecondSpawned };
}

/** Long enough that the time in which the engine compiles is a small part. */
const ROWS = {
  'ping-pong-handlers': () => pingPongHandlers(12_000_000),
  'ping-pong-await': () => pingPongAwait(5_000_000),
  'one-way': () => oneWay(10_000_000),
  'fan-out-1000': () => fanOut(1_000, 10_000),
  spawn: () => spawns(10_000, 200),
  'idle-handlers': () => alive(handler, 200_000),
  'idle-bodies': () => alive(body, 200_000),
  'million-alive': () => alive(handler, 1_000_000),
};

console.log(JSON.stringify(await ROWS[process.argv[2]]()));
await scheduler.stop();

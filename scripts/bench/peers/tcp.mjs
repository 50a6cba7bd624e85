/**
 * The floor: a socket, frames with a length ahead, messages in CBOR, gathered into one write a turn; no runtime. One
 * frame goes to all subscribers, which are functions in a loop.
 */
import { once } from 'node:events';
import { createServer, connect as dial } from 'node:net';
import { Encoder } from 'cbor-x';

const WRITE_BYTES = 64 * 1_024;
const codec = new Encoder({ useRecords: false });

export const startServer = async () => ({ address: '', stop() {} });

/** Messages as CBOR, or as they are where they are bytes. */
const codecOf = (isBytes) => (isBytes ? { encode: (bytes) => bytes, decode: (bytes) => bytes } : codec);

export async function open({ role, peers = [], isBytes }) {
  const messages = codecOf(isBytes);
  let take = () => {};
  const sockets = role === 'sender' ? await Promise.all(peers.map(dialPeer)) : [];
  for (const socket of sockets) readFrames(socket, messages, (message) => take(message));
  const writers = sockets.map((socket) => framesOf(socket, messages));
  const listen = async (accept) => {
    const server = createServer((accepted) => accept(accepted.setNoDelay())).listen(0, '127.0.0.1');
    await once(server, 'listening');
    client.address = server.address().port;
  };
  const client = {
    address: undefined,
    subscribe: (handlers) =>
      listen((accepted) =>
        readFrames(accepted, messages, (message) => {
          for (const handler of handlers) handler(message);
        }),
      ),
    publish(message) {
      const pauses = writers.map(({ write }) => write(message)).filter((pause) => pause !== undefined);
      return pauses.length === 0 ? undefined : Promise.all(pauses);
    },
    answer: (answerTo) =>
      listen((accepted) => {
        const answers = framesOf(accepted, messages);
        readFrames(accepted, messages, (message) => answers.write(answerTo(message)));
      }),
    request: (message) =>
      new Promise((resolve) => {
        take = resolve;
        writers[0].write(message);
      }),
  };
  return client;
}

async function dialPeer(port) {
  const socket = dial(Number(port), '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  return socket;
}

function framesOf(socket, messages) {
  let waiting = [];
  let bytes = 0;
  let scheduled = false;
  const flush = () => {
    scheduled = false;
    const hasRoom = socket.write(Buffer.concat(waiting, bytes));
    waiting = [];
    bytes = 0;
    return hasRoom ? undefined : once(socket, 'drain');
  };
  return {
    write(message) {
      const body = messages.encode(message);
      const head = Buffer.allocUnsafe(4);
      head.writeUInt32BE(body.length);
      waiting.push(head, body);
      bytes += body.length + 4;
      if (bytes >= WRITE_BYTES) return flush();
      if (!scheduled) {
        scheduled = true;
        setImmediate(() => bytes > 0 && flush());
      }
      return undefined;
    },
  };
}

function readFrames(socket, messages, take) {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      take(messages.decode(bytes.subarray(at + 4, end)));
      at = end;
    }
    rest = bytes.subarray(at);
  });
}

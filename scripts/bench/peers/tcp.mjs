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

export async function open(_address, role, peer) {
  const socket = role === 'sender' ? dial(Number(peer), '127.0.0.1').setNoDelay() : undefined;
  let take = () => {};
  if (socket !== undefined) {
    await once(socket, 'connect');
    readFrames(socket, (message) => take(message));
  }
  const frames = socket && framesOf(socket);
  const listen = async (accept) => {
    const server = createServer((accepted) => accept(accepted.setNoDelay())).listen(0, '127.0.0.1');
    await once(server, 'listening');
    client.address = server.address().port;
  };
  const client = {
    address: undefined,
    subscribe: (handlers) =>
      listen((accepted) =>
        readFrames(accepted, (message) => {
          for (const handler of handlers) handler(message);
        }),
      ),
    publish: (message) => frames.write(message),
    answer: (answerTo) =>
      listen((accepted) => {
        const answers = framesOf(accepted);
        readFrames(accepted, (message) => answers.write(answerTo(message)));
      }),
    request: (message) =>
      new Promise((resolve) => {
        take = resolve;
        frames.write(message);
      }),
  };
  return client;
}

function framesOf(socket) {
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
      const body = codec.encode(message);
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

function readFrames(socket, take) {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      take(codec.decode(bytes.subarray(at + 4, end)));
      at = end;
    }
    rest = bytes.subarray(at);
  });
}

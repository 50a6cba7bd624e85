/** TCP for distribution. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { formatHostAndPort } from './address.js';
import { socketLookup } from './dns-resolver.js';
import type { Connection, ConnectionHandlers, Listener, Transport } from './transport.js';

/**
 * TCP without Nagle's delay, and without TCP's keep-alive: the heartbeat of a session finds dead peers sooner.
 */
export const netTransport: Transport = {
  listen: (host, port, accept, failed) => {
    const server = createServer({ noDelay: true }, (socket) => {
      const { remoteAddress = 'unknown', remotePort = 0 } = socket;
      const handlers = accept(connectionOf(socket, formatHostAndPort(remoteAddress, remotePort)));
      forward(socket, handlers);
    });
    return listening(server, host, port, failed);
  },

  dial: (host, port, handlers) => {
    const socket = connect({ host, port, noDelay: true, lookup: socketLookup });
    socket.once('connect', () => handlers.opened());
    forward(socket, handlers);
    return connectionOf(socket, formatHostAndPort(host, port));
  },
};

/** Resolves when `server` listens; errors after that go to `failed`. */
export function listening(
  server: Server,
  host: string,
  port: number,
  failed: (error: Error) => void,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      server.on('error', failed);
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        close: () => void server.close(),
      });
    });
  });
}

export function connectionOf(socket: Socket, remoteAddress: string): Connection {
  return {
    remoteAddress,
    write: (bytes, done) => {
      socket.write(bytes, done && ((error) => error ?? done()));
    },
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

export function forward(socket: Socket, handlers: ConnectionHandlers): void {
  let reason = 'closed';
  socket.on('data', (bytes: Buffer) => handlers.data(bytes));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    reason = error.code ?? error.message;
  });
  socket.once('close', () => handlers.closed(reason));
}

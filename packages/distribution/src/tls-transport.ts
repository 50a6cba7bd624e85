/**
 * TLS for distribution, in the place of plain TCP: both ends show a certificate of one of the cluster's own
 * authorities, and the dialler checks that it names the host that it dialled. The cookie is asked for as well.
 *
 * A connection counts as accepted from its first packet, so that the deadline and the bound of handshakes hold
 * for a stranger who never comes to the end of TLS.
 */
import type { Socket } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type Logger, silentLogger, systemEnvironment } from '@liminal-node/scheduler';
import { formatHostAndPort } from './address.js';
import { socketLookup } from './dns-resolver.js';
import { connectionOf, forward, listening } from './net-transport.js';
import { TlsCredentialFiles, type TlsCredentials, type TlsFiles } from './tls-files.js';
import type { ConnectionHandlers, Transport } from './transport.js';

const MIN_VERSION = 'TLSv1.3';

/** An accepted connection until TLS is through. */
interface Pending {
  readonly handlers: ConnectionHandlers;
  secured: TLSSocket | undefined;
  reason: string;
}

/** @throws TlsError (ERR_LIMINAL_TLS) where the files cannot be used. */
export function createTlsTransport(files: TlsFiles, logger: Logger = silentLogger): Transport {
  const credentials = new TlsCredentialFiles(files, systemEnvironment.now, logger);
  return {
    listen: (host, port, accept, failed) => {
      let used: TlsCredentials = credentials.current();
      const pending = new Map<string, Pending>();
      const server = createServer({
        ...used,
        minVersion: MIN_VERSION,
        requestCert: true,
        rejectUnauthorized: true,
        noDelay: true,
      });
      // Ahead of the server's own listener, which begins TLS with the credentials of that moment.
      server.prependListener('connection', (socket: Socket) => {
        const latest = credentials.current();
        if (latest !== used) server.setSecureContext({ ...latest, minVersion: MIN_VERSION });
        used = latest;
        const key = keyOf(socket);
        const entry: Pending = {
          handlers: accept(deferred(socket, () => entry.secured)),
          secured: undefined,
          reason: 'closed',
        };
        pending.set(key, entry);
        socket.once('close', () => {
          pending.delete(key);
          if (entry.secured === undefined) entry.handlers.closed(entry.reason);
        });
      });
      server.on('secureConnection', (socket) => {
        const entry = pending.get(keyOf(socket));
        if (entry === undefined) return void socket.destroy();
        entry.secured = socket;
        forward(socket, entry.handlers);
      });
      server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
        const entry = pending.get(keyOf(socket));
        if (entry !== undefined) entry.reason = error.code ?? error.message;
      });
      return listening(server, host, port, failed);
    },

    dial: (host, port, handlers) => {
      const socket = connect({ ...credentials.current(), host, port, minVersion: MIN_VERSION, lookup: socketLookup });
      socket.setNoDelay(true);
      socket.once('secureConnect', () => handlers.opened());
      forward(socket, handlers);
      return connectionOf(socket, formatHostAndPort(host, port));
    },
  };
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** The connection of a socket that writes nothing before it is secured. */
function deferred(socket: Socket, secured: () => TLSSocket | undefined): ReturnType<typeof connectionOf> {
  const { remoteAddress = 'unknown', remotePort = 0 } = socket;
  const address = formatHostAndPort(remoteAddress, remotePort);
  const plain = connectionOf(socket, address);
  return {
    remoteAddress: address,
    write: (bytes, done) => {
      const tls = secured();
      if (tls !== undefined) connectionOf(tls, address).write(bytes, done);
    },
    end: () => {
      const tls = secured();
      if (tls === undefined) plain.destroy();
      else tls.end();
    },
    destroy: () => void (secured() ?? socket).destroy(),
  };
}

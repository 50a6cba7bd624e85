/** A server of Debian's packages, on a free port of the loopback, until `stop`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** @param args what the command is given for a port. */
export async function startCommand(command, args) {
  const port = await freePort();
  const child = spawn(command, args(String(port)), { stdio: 'ignore' });
  const failed = once(child, 'error').then(([error]) => Promise.reject(error));
  await Promise.race([listens(port), failed]);
  failed.catch(() => {});
  process.once('exit', () => child.kill('SIGKILL'));
  return { pid: child.pid, address: `127.0.0.1:${port}`, stop: () => child.kill('SIGKILL') };
}

async function listens(port) {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      socket.destroy();
    }
  }
}

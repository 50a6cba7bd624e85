/**
 * A port of 127.0.0.1 that nobody listens on just now. Port 0 is better wherever the real port can be learned;
 * this is for an address that must be known before anything listens there.
 */
import { type AddressInfo, createServer } from 'node:net';

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A domain name server on loopback, for the records that a test gives it. Names that it is to be silent on it hears and forgets. */
import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;
const [NXDOMAIN, SERVFAIL] = [3, 2];

export interface DnsServer extends AsyncDisposable {
  /** `ip:port` */
  readonly address: string;
  /** By name: its addresses, or `host:port` of its services. */
  readonly hosts: Map<string, readonly string[]>;
  readonly services: Map<string, readonly string[]>;
  readonly silent: Set<string>;
  readonly failing: Set<string>;
  /** Questions so far, by name. */
  readonly asked: Map<string, number>;
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.of(0)]);
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function recordData(type: number, text: string): Buffer | undefined {
  if (type === TYPES.SRV) {
    const [host = '', port = '0'] = text.split(':');
    const head = Buffer.alloc(6);
    head.writeUInt16BE(Number(port), 4);
    return Buffer.concat([head, nameBytes(host)]);
  }
  if (text.includes(':') !== (type === TYPES.AAAA)) return undefined;
  if (type === TYPES.A) return Buffer.from(text.split('.').map(Number));
  // `::1` and its like are enough here.
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(Number.parseInt(text.slice(2), 16), 14);
  return bytes;
}

export async function startDnsServer(): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const server = {
    hosts: new Map<string, readonly string[]>(),
    services: new Map<string, readonly string[]>(),
    silent: new Set<string>(),
    failing: new Set<string>(),
    asked: new Map<string, number>(),
  };
  socket.on('message', (message, from) => {
    const { name, end } = readName(message);
    const type = message.readUInt16BE(end);
    server.asked.set(name, (server.asked.get(name) ?? 0) + 1);
    if (server.silent.has(name)) return;
    const known = type === TYPES.SRV ? server.services.get(name) : server.hosts.get(name);
    const records = (known ?? []).flatMap((text) => recordData(type, text) ?? []);
    const head = Buffer.alloc(12);
    head.writeUInt16BE(message.readUInt16BE(0), 0);
    const code = server.failing.has(name) ? SERVFAIL : known === undefined ? NXDOMAIN : 0;
    head.writeUInt16BE(0x8580 | code, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    const answers = records.map((data) => {
      const fixed = Buffer.alloc(12);
      fixed.writeUInt16BE(0xc00c, 0);
      fixed.writeUInt16BE(type, 2);
      fixed.writeUInt16BE(1, 4);
      fixed.writeUInt16BE(data.length, 10);
      return Buffer.concat([fixed, data]);
    });
    socket.send(Buffer.concat([head, message.subarray(12, end + 4), ...answers]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address() as AddressInfo;
  return {
    ...server,
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

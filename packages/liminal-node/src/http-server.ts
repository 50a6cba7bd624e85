/**
 * The node's HTTP side: `/livez`, `/readyz` and `/metrics`, for probes and scrapers. Adapter to `node:http`.
 *
 * - GET and HEAD only; anything else is answered 405, an unknown path 404 with the list of what exists.
 * - `/livez` is 200 or 503; `/readyz` is 200, or 503 with the unmet conditions, and says how many of the known nodes are
 *   connected: `{"ready":false,"unmet":[…],"joined":{"connected":1,"known":3,"missing":[…]}}`.
 * - Header size, number of connections, and the time for headers, requests and idle connections are bounded,
 *   so that a scraper that misbehaves costs a bounded amount.
 * - `close` stops accepting, lets requests finish for a second, and then ends what is left.
 *
 * There is no authentication: listen on loopback or on a network that may see these pages.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Environment, LiminalError, type Logger, systemEnvironment } from '@liminal-node/scheduler';
import type { Joined } from './joined.js';

/** The HTTP address cannot be listened on. */
export class HttpListenError extends LiminalError {
  readonly code = 'ERR_LIMINAL_HTTP_LISTEN';
  /** `host:port` as it was asked for. */
  readonly address: string;

  constructor(address: string, cause: unknown) {
    super(`cannot listen on ${address} for HTTP: ${listenCause(cause)}`, { cause });
    this.address = address;
  }
}

export interface Health {
  /** False: this OS process should be ended and started again. */
  readonly live: boolean;
  /** False: send no traffic here. */
  readonly ready: boolean;
  /** Each condition that is missing for `ready`, as a sentence. */
  readonly unmet: readonly string[];
  readonly joined: Joined;
}

export interface HttpOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Asked for every request of `/livez` and `/readyz`. */
  readonly health: () => Health;
  /** The page for `/metrics`, in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly logger: Logger;
  readonly environment?: Environment;
}

export interface HttpServer extends AsyncDisposable {
  /** `host:port` with the real port. */
  readonly address: string;
  /** Resolves within about a second. Idempotent. */
  close(): Promise<void>;
}

const CLOSE_GRACE_MS = 1_000;
const PATHS = ['/livez', '/readyz', '/metrics'] as const;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws HttpListenError with code ERR_LIMINAL_HTTP_LISTEN; nothing is left open then. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, logger, environment = systemEnvironment } = options;
  const server = createServer(
    {
      maxHeaderSize: 8 * 1024,
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      keepAliveTimeout: 15_000,
      connectionsCheckingInterval: 10_000,
    },
    (request, response) => {
      answer(request, options).then(
        (result) => reply(response, result),
        (error: unknown) => {
          logger.error({ err: error, path: request.url }, 'an HTTP request failed');
          reply(response, json(500, { error: 'this page failed; the log of the node says why' }));
        },
      );
    },
  );
  server.maxConnections = 64;
  // Bodies are of no use here. Without a reader they would hold their connection until the timeout.
  server.on('request', (request: IncomingMessage) => request.resume());
  const address = await listen(server, host, port);
  server.on('error', (error) => logger.error({ err: error }, 'the HTTP server failed'));

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      const timer = environment.setTimer(CLOSE_GRACE_MS, () => server.closeAllConnections());
      server.close(() => {
        timer.cancel();
        resolve();
      });
      server.closeIdleConnections();
    });
    return closing;
  };
  return { address, close, [Symbol.asyncDispose]: close };
}

async function answer(request: IncomingMessage, { health, metrics }: HttpOptions): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { ...json(405, { error: 'only GET and HEAD are answered here' }), headers: { allow: 'GET, HEAD' } };
  }
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  switch (path) {
    case '/livez': {
      const { live } = health();
      return json(live ? 200 : 503, { live });
    }
    case '/readyz': {
      const { ready, unmet, joined } = health();
      return ready ? json(200, { ready, joined }) : json(503, { ready, unmet, joined });
    }
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metrics() };
    default:
      return json(404, { error: `there is no ${path.slice(0, 200)}`, paths: PATHS });
  }
}

function json(status: number, value: object): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}

function reply(response: ServerResponse, { status, type, body, headers }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  // Node leaves the body out where the request was HEAD.
  response.end(body);
}

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(new HttpListenError(joined(host, port), error));
    server.once('error', failed);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', failed);
      resolve(joined(host, (server.address() as AddressInfo).port));
    });
  });
}

function joined(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function listenCause(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is taken by another process';
    case 'EACCES':
      return 'this user may not use that port';
    case 'EADDRNOTAVAIL':
      return 'that is no address of this machine';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'that host name is not known';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

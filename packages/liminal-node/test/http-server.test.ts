import { connect, createServer } from 'node:net';
import { silentLogger } from '@liminal-node/scheduler';
import { describe, expect, it } from 'vitest';
import { type Health, type HttpOptions, type HttpServer, startHttp } from '../src/http-server.js';

const JOINED = { connected: 1, known: 2, missing: ['127.0.0.1:1 (ECONNREFUSED)'] };
const READY: Health = { live: true, ready: true, unmet: [], joined: JOINED };

function start(options: Partial<HttpOptions> = {}): Promise<HttpServer> {
  return startHttp({
    host: '127.0.0.1',
    port: 0,
    health: () => READY,
    metrics: async () => 'a_metric 1\n',
    logger: silentLogger,
    ...options,
  });
}

describe('the HTTP server', () => {
  it('says that the node lives and is ready', async () => {
    await using http = await start();
    const live = await fetch(`http://${http.address}/livez`);
    const ready = await fetch(`http://${http.address}/readyz?verbose`);
    expect([live.status, await live.json()]).toEqual([200, { live: true }]);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, joined: JOINED }]);
    expect(ready.headers.get('cache-control')).toBe('no-store');
  });

  it('answers 503 with the unmet conditions while the node is not ready', async () => {
    let health: Health = { live: true, ready: false, unmet: ['no seed is connected'], joined: JOINED };
    await using http = await start({ health: () => health });
    const before = await fetch(`http://${http.address}/readyz`);
    expect([before.status, await before.json()]).toEqual([
      503,
      { ready: false, unmet: ['no seed is connected'], joined: JOINED },
    ]);
    health = { live: false, ready: true, unmet: [], joined: JOINED };
    expect((await fetch(`http://${http.address}/readyz`)).status).toBe(200);
    expect((await fetch(`http://${http.address}/livez`)).status).toBe(503);
  });

  it('serves the metrics in the format that Prometheus reads', async () => {
    await using http = await start();
    const page = await fetch(`http://${http.address}/metrics`);
    expect(await page.text()).toBe('a_metric 1\n');
    expect(page.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  });

  it('names the pages that exist when asked for another', async () => {
    await using http = await start();
    const page = await fetch(`http://${http.address}/healthz`);
    expect([page.status, await page.json()]).toEqual([
      404,
      { error: 'there is no /healthz', paths: ['/livez', '/readyz', '/metrics'] },
    ]);
  });

  it('answers GET and HEAD only', async () => {
    await using http = await start();
    const head = await fetch(`http://${http.address}/livez`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const post = await fetch(`http://${http.address}/livez`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('answers 500 where a page fails, and goes on', async () => {
    const logged: string[] = [];
    const logger = { ...silentLogger, error: (_: object, message: string) => void logged.push(message) };
    await using http = await start({ logger, metrics: () => Promise.reject(new Error('secret detail')) });
    const page = await fetch(`http://${http.address}/metrics`);
    expect([page.status, (await page.text()).includes('secret')]).toEqual([500, false]);
    expect(logged).toEqual(['an HTTP request failed']);
    expect((await fetch(`http://${http.address}/livez`)).status).toBe(200);
  });

  it('names the address and the cause when the port is taken', async () => {
    await using http = await start();
    const port = Number(http.address.split(':')[1]);
    await expect(start({ port })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_HTTP_LISTEN',
      address: http.address,
      message: `cannot listen on ${http.address} for HTTP: the port is taken by another process`,
    });
  });

  it('closes although a client holds its connection open, and is closed then', async () => {
    const http = await start();
    const [host, port] = http.address.split(':');
    const idle = connect(Number(port), host);
    const ended = new Promise((resolve) => idle.once('close', resolve));
    idle.on('error', () => {});
    idle.write('GET /livez HTTP/1.1\r\nHost: x\r\n');
    await new Promise((resolve) => idle.once('connect', resolve));
    await Promise.all([http.close(), http.close()]);
    await ended;
    const again = createServer();
    await new Promise<void>((resolve, reject) => {
      again.once('error', reject);
      again.listen(Number(port), host, resolve);
    });
    again.close();
  });
});

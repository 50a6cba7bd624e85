/**
 * What `start` prints: for people, or with `--json` one object a line, the first of which is
 * `{"event":"ready",…}` with the real addresses. `docs/cli.md` lists the events.
 */
import { describeReason, type ExitReason } from '@liminal-node/scheduler';
import type { Output } from './output.js';

export interface Ready {
  readonly name: string;
  readonly listen: string | null;
  readonly http: string | null;
  readonly creation: number;
  readonly cookie: { readonly source: string; readonly fresh: boolean };
  /** Undefined where nobody can join, because the node does not listen. */
  readonly join: string | undefined;
}

export interface StartReport {
  ready(ready: Ready): Promise<void>;
  peerUp(node: string, address: string | null): Promise<void>;
  peerDown(node: string, reason: string): Promise<void>;
  draining(signal: string): Promise<void>;
  /** @param application why it ended by itself, if it did. */
  stopped(cut: readonly string[], application?: ExitReason): Promise<void>;
}

export function startReport(stdout: Output, json: boolean): StartReport {
  return json ? forPrograms(stdout) : forPeople(stdout);
}

function forPrograms(stdout: Output): StartReport {
  const event = (name: string, fields: object): Promise<void> =>
    stdout.line(JSON.stringify({ event: name, ...fields }));
  return {
    ready: ({ name, listen, http, creation, cookie, join }) =>
      event('ready', { name, listen, http, pid: process.pid, creation, cookie: cookie.source, join: join ?? null }),
    peerUp: (node, address) => event('peer-up', { node, address }),
    peerDown: (node, reason) => event('peer-down', { node, reason }),
    draining: (signal) => event('draining', { signal }),
    stopped: (cut, application) =>
      event('stopped', { cut, ...(application !== undefined && { application: describeReason(application) }) }),
  };
}

function forPeople(stdout: Output): StartReport {
  const startedAt = performance.now();
  /** Seconds since the start, so that a reader sees what came when. */
  const line = (text: string): Promise<void> =>
    stdout.line(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${text}`);
  return {
    async ready({ name, listen, http, cookie, join }) {
      const cookieNote = cookie.fresh ? 'made just now; nodes on this machine find it by themselves' : undefined;
      const lines = [
        `Node ${name} is up.`,
        '',
        `  nodes   ${listen ?? 'off: it dials its seeds, and accepts nobody'}`,
        `  http    ${http === null ? 'off' : `http://${http}/livez /readyz /metrics`}`,
        `  cookie  ${cookie.source}${cookieNote === undefined ? '' : ` (${cookieNote})`}`,
        '',
        ...(join === undefined || listen === null ? [] : invitation(join, listen, cookie.source)),
        'Ctrl-C stops it. Peers as they come and go:',
        '',
      ];
      await stdout.line(lines.join('\n'));
    },
    peerUp: (node, address) => line(`up    ${node}${address === null ? '' : ` at ${address}`}`),
    peerDown: (node, reason) => line(`down  ${node}: ${reason}`),
    draining: (signal) => line(`${signal}: leaving the cluster and delivering what was accepted`),
    stopped: (cut) => line(cut.length === 0 ? 'stopped' : 'stopped, cut short'),
  };
}

function invitation(join: string, listen: string, cookieSource: string): readonly string[] {
  const overTls = join.includes(' --tls-');
  const same = cookieSource === 'LIMINAL_COOKIE' ? ' with the same LIMINAL_COOKIE' : '';
  return [
    `Join a second node, from another terminal${same}:`,
    `  ${join}`,
    '',
    `Talk to it${overTls ? ', with the same --tls flags' : ''}:`,
    `  npx liminal-node subscribe orders --connect ${listen}`,
    `  npx liminal-node publish orders '{"id":1,"total":99.5}' --connect ${listen}`,
    `  npx liminal-node nodes --connect ${listen}`,
    '',
  ];
}

/**
 * `liminal-node start`: runs a node until it is told to stop.
 *
 * In order: check the flags, load the app, find the cookie, start the node, run the app, say that it is ready,
 * and then tell of peers. The first signal drains: readiness off, the peers are told, what was accepted is
 * delivered, the application and then all other processes are stopped; exit 0, or 1 with a list of what was cut.
 * A second signal ends it at once. Where the application ends by itself the node drains as well; exit 7.
 */
import { hostname } from 'node:os';
import type { HeartbeatProfile } from '@liminal-node/distribution';
import { describeReason } from '@liminal-node/scheduler';
import { Command, Option } from 'commander';
import { checkCookieReach, resolveCookie } from '../cookie.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { LiminalNode } from '../node.js';
import { applicationRootOf, loadApp, runApp } from './app-module.js';
import {
  discoverySources,
  listenAddress,
  namePatterns,
  nodeName,
  parseAddress,
  seedAddresses,
  wholeNumber,
} from './arguments.js';
import { logLevelOption } from './attachment.js';
import { type Context, cookieFileFlag, cookieFileOption, jsonOption } from './context.js';
import { CliFailure } from './failure.js';
import { aborted } from './interruption.js';
import { type LogLevel, openLog } from './log.js';
import { joinCommand } from './neighbour.js';
import { type StartReport, startReport } from './start-report.js';
import { type TlsFlags, tlsFiles, withTlsOptions } from './tls-flags.js';

interface StartFlags extends TlsFlags {
  readonly name?: string;
  readonly listen: string;
  readonly http: string;
  readonly seed?: readonly string[];
  readonly discover?: readonly string[];
  readonly allow?: readonly string[];
  readonly heartbeat: HeartbeatProfile;
  readonly threads?: number;
  readonly drainTimeout: number;
  readonly app?: string;
  readonly json?: true;
  readonly logLevel: LogLevel;
}

const HEARTBEATS: readonly HeartbeatProfile[] = ['default', 'otp', 'lan', 'local'];

const EXAMPLES = `
Examples:
  liminal-node start                                   a node at 127.0.0.1:4370, HTTP at 127.0.0.1:4380
  liminal-node start --name b@127.0.0.1 --listen 127.0.0.1:4371 --http 127.0.0.1:4381 --seed 127.0.0.1:4370
                                                       a second node, which joins the first
  liminal-node start --listen 127.0.0.1:0 --http off   any free port, no HTTP
  liminal-node start --app ./app.js                    runs: export default defineSupervisor(import.meta.url, …),
                                                       or: export default async function (node) { … }
  LIMINAL_LISTEN=127.0.0.1:4372 liminal-node start     every flag can be set in the environment; flags win
`;

export function startCommand(context: Context): Command {
  return withTlsOptions(new Command('start'))
    .description('run a node until Ctrl-C or SIGTERM')
    .addOption(
      new Option(
        '--name <name@host>',
        'the name of the node, unique in its cluster (default: a@ and the listening host)',
      )
        .argParser(nodeName)
        .env('LIMINAL_NAME'),
    )
    .addOption(
      new Option('--listen <host:port>', 'where to accept nodes; port 0 picks a free one; off accepts none')
        .default('127.0.0.1:4370')
        .argParser(listenAddress)
        .env('LIMINAL_LISTEN'),
    )
    .addOption(
      new Option('--http <host:port>', 'where to answer /livez, /readyz and /metrics; port 0 picks a free one; or off')
        .default('127.0.0.1:4380')
        .argParser(listenAddress)
        .env('LIMINAL_HTTP'),
    )
    .addOption(
      new Option('--seed <host:port>', 'a node to join; repeat it, or put commas between several')
        .argParser(seedAddresses)
        .env('LIMINAL_SEED'),
    )
    .addOption(
      new Option(
        '--discover <source>',
        'dns:NAME[:PORT] or srv:NAME: dial what the DNS has by that name; repeat it, or put commas between several',
      )
        .argParser(discoverySources)
        .env('LIMINAL_DISCOVER'),
    )
    .addOption(
      new Option(
        '--allow <name@host>',
        'take only nodes of such names, with * for anything; repeat it, or put commas between (default: all)',
      )
        .argParser(namePatterns)
        .env('LIMINAL_ALLOW'),
    )
    .addOption(
      new Option(
        '--heartbeat <profile>',
        'how soon a silent peer is down: in 10 s, 60 s as in OTP, 4 s on a LAN, 1 s on one machine',
      )
        .choices(HEARTBEATS)
        .default('default')
        .env('LIMINAL_HEARTBEAT'),
    )
    .addOption(
      new Option(
        '--threads <count>',
        'scheduler threads for processes; 0 runs all on the main thread (default: by the number of CPUs)',
      )
        .argParser(wholeNumber(0, 256))
        .env('LIMINAL_THREADS'),
    )
    .addOption(
      new Option('--drain-timeout <seconds>', 'how long the drain may take, at most, to deliver what was accepted')
        .default(10)
        .argParser(wholeNumber(0, 3_600))
        .env('LIMINAL_DRAIN_TIMEOUT'),
    )
    .addOption(cookieFileOption())
    .addOption(
      new Option(
        '--app <file>',
        'a module whose default export is a supervision tree, or a function that is called with the node and may return one',
      ).env('LIMINAL_APP'),
    )
    .addOption(jsonOption('print one JSON object a line; the first has "event":"ready" and the real addresses'))
    .addOption(logLevelOption('warn'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: StartFlags, command: Command) => {
      context.finish(await start(flags, cookieFileFlag(command), context));
    });
}

async function start(flags: StartFlags, cookieFile: string | undefined, context: Context): Promise<ExitCode> {
  checkPorts(flags);
  const { signal } = context.interruption;
  const report = startReport(context.stdout, flags.json === true);
  const tls = tlsFiles(flags);
  const app = flags.app === undefined ? undefined : await loadApp(flags.app);
  const cookie = await resolveCookie({ cookieFile });
  checkCookieReach(cookie, flags.listen === 'off' ? null : parseAddress(flags.listen).host);
  // Only here: help and refusals should come at once.
  const { startNode } = await import('../node.js');
  const node = await startNode({
    name: flags.name ?? defaultName(flags.listen),
    listen: flags.listen,
    http: flags.http,
    seeds: flags.seed ?? [],
    discover: flags.discover ?? [],
    ...(flags.allow !== undefined && { allow: flags.allow }),
    heartbeat: flags.heartbeat,
    cookie: cookie.value,
    tls,
    drainTimeoutMs: flags.drainTimeout * 1000,
    applicationRoot: applicationRootOf(flags.app),
    ...(flags.threads !== undefined && { threads: flags.threads }),
    logger: await openLog(flags.logLevel, flags.json === true),
  });
  try {
    const over = Promise.race([aborted(signal), node.closed]).then(() => 'over' as const);
    const started = app === undefined ? undefined : runApp(app, flags.app ?? '', node);
    if ((await Promise.race([over, started])) !== 'over') {
      const { name, listen, http, creation } = node;
      const join =
        listen === null ? undefined : await joinCommand({ name, listen, http, cookieFile: cookie.file, tls });
      await report.ready({ name, listen, http, creation, cookie, join });
      await Promise.race([tellPeers(node, report, signal), over]);
    }
    return await stop(node, report, context);
  } finally {
    await node[Symbol.asyncDispose]();
  }
}

async function tellPeers(node: LiminalNode, report: StartReport, signal: AbortSignal): Promise<void> {
  for await (const event of node.membership(signal)) {
    const { node: peer, address, hidden } = event.session;
    // Hidden nodes are the short visits of other commands, and no members.
    if (hidden) continue;
    if (event.type === 'up') await report.peerUp(peer, address);
    else await report.peerDown(peer, event.reason);
  }
  // The events end when the node is closed, which is told by other means.
  await node.closed;
}

async function stop(node: LiminalNode, report: StartReport, { interruption, stderr }: Context): Promise<ExitCode> {
  if (interruption.signal.aborted) await report.draining(String(interruption.signal.reason));
  const { cut, application } = await node.drain();
  await report.stopped(cut, application);
  for (const what of cut) await stderr.line(`cut short: ${what}`);
  if (application !== undefined) {
    const reason = describeReason(application);
    await stderr.line(`liminal-node: The application has ended by itself (${reason}), and the node with it.`);
    return EXIT.applicationEnded;
  }
  return cut.length === 0 ? EXIT.ok : EXIT.failed;
}

function checkPorts({ listen, http }: StartFlags): void {
  if (listen === 'off' || listen !== http || parseAddress(listen).port === 0) return;
  throw new CliFailure(
    EXIT.usage,
    `--listen and --http are both ${listen}: nodes and HTTP need a port each. Choose another with --http HOST:PORT, or --http off.`,
  );
}

/** `a@` and the host that others reach it by. */
function defaultName(listen: string): string {
  const host = listen === 'off' ? '127.0.0.1' : parseAddress(listen).host;
  const everywhere = host === '0.0.0.0' || host === '::';
  return nodeName(`a@${everywhere ? hostname() : host}`);
}

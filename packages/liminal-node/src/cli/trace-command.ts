/**
 * `liminal-node trace`: what happens to one process, as it happens, for a bounded time and a bounded number of events.
 */
import type { TraceEvent } from '@liminal-node/scheduler';
import { Argument, Command, Option } from 'commander';
import { EXIT, type ExitCode } from '../exit-code.js';
import { wholeNumber } from './arguments.js';
import { type AttachmentFlags, attach, connectOption, logLevelOption } from './attachment.js';
import { type Context, cookieFileFlag, cookieFileOption, jsonOption } from './context.js';
import { aborted } from './interruption.js';
import { withTlsOptions } from './tls-flags.js';
import { counted, shortPid } from './words.js';

interface TraceFlags extends AttachmentFlags {
  readonly for: number;
  readonly max: number;
}

const EXAMPLES = `
Examples:
  liminal-node trace 2.17                     a process as "ps" and "tree" show it
  liminal-node trace orders --for 60          one by its name, for a minute
  liminal-node trace 2.17 --max 1 --json      the next thing that happens to it

receive: a message came into its mailbox; send: it sent one; drop: its full mailbox has cost one; exit: it ended. Other
lines are signals, with < for one that came and > for one that it sent. Messages are cut at 200 characters.
`;

export function traceCommand(context: Context): Command {
  return withTlsOptions(new Command('trace'))
    .description('show the messages and signals of a process, as they come and go')
    .addArgument(new Argument('<process>', 'a pid, whole or as thread.serial, or a registered name'))
    .addOption(
      new Option('--for <seconds>', 'end after so long')
        .default(10)
        .argParser(wholeNumber(1, 3_600))
        .env('LIMINAL_FOR'),
    )
    .addOption(
      new Option('--max <n>', 'end after so many events')
        .default(1_000)
        .argParser(wholeNumber(1, 100_000))
        .env('LIMINAL_MAX'),
    )
    .addOption(connectOption())
    .addOption(cookieFileOption())
    .addOption(jsonOption('print one JSON object a line for each event; the last has "type":"end"'))
    .addOption(logLevelOption('error'))
    .addHelpText('after', EXAMPLES)
    .action(async (process: string, flags: TraceFlags, command: Command) => {
      context.finish(await trace(process, flags, cookieFileFlag(command), context));
    });
}

async function trace(
  process: string,
  flags: TraceFlags,
  cookieFile: string | undefined,
  context: Context,
): Promise<ExitCode> {
  const { stdout, stderr, interruption } = context;
  await using remote = await attach(flags, cookieFile, false, interruption);
  const { pid, events } = await remote.inspection.trace(process, { forMs: flags.for * 1000, maxEvents: flags.max });
  const json = flags.json === true;
  const bounds = `${counted(flags.for, 'second')} or ${counted(flags.max, 'event')}`;
  await stderr.line(
    json ? JSON.stringify({ event: 'tracing', pid }) : `tracing ${pid} for ${bounds}; Ctrl-C ends it before`,
  );
  const iterator = events[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), aborted(interruption.signal)]);
    if (next === undefined || next.done) return EXIT.ok;
    const event = next.value;
    if (json) await stdout.line(JSON.stringify({ ...event, atMs: Math.round(event.atMs * 1000) / 1000 }));
    else if (event.type === 'end') await stderr.line(`ended: ${ENDS[event.because]}`);
    else await stdout.line(`${(event.atMs / 1000).toFixed(3).padStart(8)} s  ${inWords(event)}`);
  }
}

const ENDS: Readonly<Record<(TraceEvent & { type: 'end' })['because'], string>> = {
  exit: 'the process has ended',
  time: 'the time is up; --for allows more',
  events: 'so many events were asked for; --max allows more',
  stopped: 'the trace was stopped',
  threadDown: 'the thread of the process has ended, and the process with it',
};

/** One event on one line. */
export function inWords(event: TraceEvent): string {
  switch (event.type) {
    case 'receive':
    case 'drop':
      return `${event.type.padEnd(9)}  ${plain(event.message)}`;
    case 'send':
      return `send       ${plain(event.message)}  to ${target(event.to)}`;
    case 'signal': {
      const { direction, signal, peer, reason } = event;
      const why = reason === undefined ? '' : `  ${plain(reason)}`;
      return `${direction === 'in' ? '<' : '>'} ${signal.padEnd(9)}${direction === 'in' ? 'from' : 'to'} ${shortPid(peer)}${why}`;
    }
    case 'exit':
      return `exit       ${plain(event.reason)}`;
    case 'end':
      return ENDS[event.because];
    default:
      return event satisfies never;
  }
}

/** A pid of this node in short. */
function target(to: string): string {
  return to.includes('#') ? shortPid(to) : `"${plain(to)}"`;
}

function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}

/**
 * `liminal-node ps`: the processes of one node, the busiest first.
 */
import type { ProcessOrder, ProcessRow } from '@liminal-node/scheduler';
import { Command, InvalidArgumentError, Option } from 'commander';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { RemoteInspection } from '../remote-inspection.js';
import type { SnapshotSummary } from '../visits.js';
import { wholeNumber } from './arguments.js';
import { type AttachmentFlags, attach, connectOption, logLevelOption } from './attachment.js';
import { type Context, cookieFileFlag, cookieFileOption, jsonOption } from './context.js';
import { plainTable } from './plain-table.js';
import { tellSilent } from './silent-threads.js';
import { withTlsOptions } from './tls-flags.js';
import { age, amount, counted, fit, shortPid } from './words.js';

type Sort = 'mailbox' | 'bytes' | 'dropped' | 'handled' | 'links' | 'age' | 'pid';

interface PsFlags extends AttachmentFlags {
  readonly sort: Sort;
  readonly limit: number;
}

/** What each `--sort` puts first. Without an order, the list's own. */
const ORDERS: Readonly<Record<Sort, ProcessOrder | undefined>> = {
  mailbox: 'messages',
  bytes: 'mailboxBytes',
  dropped: 'dropped',
  handled: 'handled',
  links: 'links',
  age: 'ageMs',
  pid: undefined,
};

const EXAMPLES = `
Examples:
  liminal-node ps                          the 20 processes with the most messages waiting
  liminal-node ps --sort handled           those that have handled the most
  liminal-node ps --sort dropped --limit 5
  liminal-node ps --limit all --json | jq -r 'select(.status == "running") | .pid'

PID is thread.serial, which "liminal-node trace" takes; --json has whole pids. PROCESS is its name, or its label, and the
definition that it runs. STATUS: starting; ready, it will run as soon as those before it have; waiting for a message;
running, it waits for something else. MAILBOX: messages that wait; HANDLED: messages that it has taken.
`;

export function psCommand(context: Context): Command {
  return withTlsOptions(new Command('ps'))
    .description('list the processes of a node')
    .addOption(
      new Option('--sort <by>', 'what to put first: the largest, or with pid the first that was spawned on each thread')
        .choices(Object.keys(ORDERS))
        .default('mailbox')
        .env('LIMINAL_SORT'),
    )
    .addOption(new Option('--limit <n>', 'how many to list, or all').default(20).argParser(limit).env('LIMINAL_LIMIT'))
    .addOption(connectOption())
    .addOption(cookieFileOption())
    .addOption(jsonOption('print one JSON object a line for each process'))
    .addOption(logLevelOption('error'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: PsFlags, command: Command) => {
      context.finish(await ps(flags, cookieFileFlag(command), context));
    });
}

/** For `--limit`: a number, or all. */
export function limit(text: string): number {
  if (text === 'all') return Number.MAX_SAFE_INTEGER;
  try {
    return wholeNumber(1, Number.MAX_SAFE_INTEGER)(text);
  } catch {
    throw new InvalidArgumentError('Write a whole number from 1, or all.');
  }
}

async function ps(flags: PsFlags, cookieFile: string | undefined, context: Context): Promise<ExitCode> {
  await using remote = await attach(flags, cookieFile, false, context.interruption);
  const { stdout, stderr } = context;
  const summary = await remote.inspection.snapshot();
  const rows = await rowsOf(remote.inspection, summary, flags);
  if (flags.json === true) {
    for (const row of rows) await stdout.line(processLine(row));
  } else {
    await stdout.line(processTable(rows, stdout.columns));
    await stdout.line(`\n${footer(summary, rows.length)}`);
  }
  await tellSilent(stderr, summary.silent, flags.json === true);
  return EXIT.ok;
}

async function rowsOf(
  inspection: RemoteInspection,
  { processes }: SnapshotSummary,
  { sort, limit: most }: PsFlags,
): Promise<readonly ProcessRow[]> {
  const order = ORDERS[sort];
  const count = Math.min(most, processes);
  if (order !== undefined && count <= inspection.maxOrdered) return inspection.top(order, count);
  const rows: ProcessRow[] = [];
  for await (const row of inspection.processes()) {
    if (order === undefined && rows.length >= count) break;
    rows.push(row);
  }
  if (order === undefined) return rows;
  return rows.sort((a, b) => keyOf(b, order) - keyOf(a, order)).slice(0, count);
}

function keyOf({ mailbox, ...row }: ProcessRow, order: ProcessOrder): number {
  switch (order) {
    case 'messages':
      return mailbox.messages;
    case 'mailboxBytes':
      return mailbox.bytes;
    case 'dropped':
      return mailbox.dropped;
    default:
      return row[order];
  }
}

/** The fields that `docs/cli.md` lists. */
function processLine(row: ProcessRow): string {
  const { name = null, parent = null, mailbox, ageMs, ...others } = row;
  return JSON.stringify({ ...others, name, parent, ...mailbox, ageMs: Math.round(ageMs) });
}

/** @param width characters of a line, as far as the table can be made to fit. */
export function processTable(rows: readonly ProcessRow[], width: number): string {
  const cells = rows.map(({ pid, thread, status, mailbox, handled, ageMs }) => [
    shortPid(pid),
    thread === 0 ? 'home' : String(thread),
    status,
    amount(mailbox.messages),
    amount(handled),
    age(ageMs),
  ]);
  const head = ['PID', 'THREAD', 'STATUS', 'MAILBOX', 'HANDLED', 'AGE'];
  const taken = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const left = Math.max(20, width - taken.reduce((sum, column) => sum + column + 2, 0));
  const table = plainTable(
    ['PID', 'PROCESS', ...head.slice(1)],
    ['left', 'left', 'left', 'left', 'right', 'right', 'right'],
  );
  for (const [at, [pid = '', ...others]] of cells.entries()) {
    const row = rows[at];
    if (row !== undefined) table.push([pid, fit(whatItIs(row), left), ...others]);
  }
  return table.toString();
}

/** What people call it, and what it runs where that says more. */
function whatItIs({ name, label, current }: ProcessRow): string {
  const definition = current.slice(current.indexOf('#') + 1);
  const called = name ?? (label === definition ? undefined : label);
  return called === undefined || called === current
    ? current
    : `${called}  ${current === label ? '' : current}`.trimEnd();
}

function footer({ node, processes, threads }: SnapshotSummary, shown: number): string {
  const total = `${counted(processes, 'process', 'processes')} on ${counted(threads.length, 'thread')} of ${node}`;
  return shown < processes ? `${total}; ${amount(shown)} shown, --limit all shows all` : total;
}

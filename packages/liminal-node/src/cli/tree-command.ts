/**
 * `liminal-node tree`: the supervision tree of one node.
 */
import { Command, Option } from 'commander';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { SupervisionLine } from '../supervision-lines.js';
import { type AttachmentFlags, attach, connectOption, logLevelOption } from './attachment.js';
import { type Context, cookieFileFlag, cookieFileOption, jsonOption } from './context.js';
import { limit } from './ps-command.js';
import { tellSilent } from './silent-threads.js';
import { withTlsOptions } from './tls-flags.js';
import { amount, counted, fit, shortPid } from './words.js';

interface TreeFlags extends AttachmentFlags {
  readonly children: number;
}

const EXAMPLES = `
Examples:
  liminal-node tree                   at most 20 children of each supervisor
  liminal-node tree --children all
  liminal-node tree --children all --json | jq -c 'select(.restarts > 0) | [.id, .pid, .restarts]'

A supervisor shows its strategy and how many children it has. PID is thread.serial, which "liminal-node trace" takes; - where
a child does not run. RESTARTS: how often its supervisor has tried to start it again.
`;

export function treeCommand(context: Context): Command {
  return withTlsOptions(new Command('tree'))
    .description('show the supervision tree of a node')
    .addOption(
      new Option('--children <n>', 'how many children of each supervisor to show, or all')
        .default(20)
        .argParser(limit)
        .env('LIMINAL_CHILDREN'),
    )
    .addOption(connectOption())
    .addOption(cookieFileOption())
    .addOption(jsonOption('print one JSON object a line for each supervisor and child, from the roots down'))
    .addOption(logLevelOption('error'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: TreeFlags, command: Command) => {
      context.finish(await tree(flags, cookieFileFlag(command), context));
    });
}

async function tree(flags: TreeFlags, cookieFile: string | undefined, context: Context): Promise<ExitCode> {
  await using remote = await attach(flags, cookieFile, false, context.interruption);
  const { stdout, stderr } = context;
  const { node, supervisors, silent } = await remote.inspection.snapshot();
  const lines: SupervisionLine[] = [];
  for await (const line of remote.inspection.supervision(flags.children)) lines.push(line);
  if (flags.json === true) for (const line of lines) await stdout.line(jsonLine(line));
  else if (supervisors === 0) await stdout.line(`${node} runs no supervisors`);
  else await stdout.line(drawTree(lines, stdout.columns));
  await tellSilent(stderr, silent, flags.json === true);
  return EXIT.ok;
}

/** The fields that `docs/cli.md` lists; null for what there is none of. */
function jsonLine(line: SupervisionLine): string {
  return JSON.stringify(line, (_, value: unknown) => (value === undefined ? null : value));
}

/** Draws lines that come from the roots down, with their figures in columns behind the tree. */
export function drawTree(lines: readonly SupervisionLine[], width: number): string {
  const figures = lines.map(figuresOf);
  const head = ['PID', 'STATUS', 'RESTARTS'] as const;
  const widths = head.map((title, at) => Math.max(title.length, ...figures.map((row) => row[at]?.length ?? 0)));
  const left = Math.max(24, width - widths.reduce((sum, column) => sum + column + 2, 0));
  const texts = drawBranches(lines).map((branch, at) => fit(`${branch}${titleOf(lines[at])}`, left));
  const longest = Math.max('SUPERVISOR'.length, ...texts.map(({ length }) => length));
  const row = (text: string, [pid = '', status = '', restarts = '']: readonly string[]): string =>
    [text.padEnd(longest), pid.padEnd(widths[0] ?? 0), status.padEnd(widths[1] ?? 0), restarts.padStart(widths[2] ?? 0)]
      .join('  ')
      .trimEnd();
  return [row('SUPERVISOR', head), ...texts.map((text, at) => row(text, figures[at] ?? []))].join('\n');
}

/** What stands in front of each line. It is made from the last line up, because a branch ends with its last child. */
function drawBranches(lines: readonly SupervisionLine[]): readonly string[] {
  /** Whether another child comes further down, by depth. */
  const goesOn: boolean[] = [];
  const branches: string[] = [];
  for (const { depth } of [...lines].reverse()) {
    const isLast = goesOn[depth] !== true;
    const above = Array.from({ length: Math.max(0, depth - 1) }, (_, at) => (goesOn[at + 1] === true ? '│  ' : '   '));
    branches.push(depth === 0 ? '' : `${above.join('')}${isLast ? '└─ ' : '├─ '}`);
    goesOn[depth] = true;
    goesOn.length = depth + 1;
  }
  return branches.reverse();
}

function titleOf(line: SupervisionLine | undefined): string {
  if (line === undefined) return '';
  if (line.type === 'more') return `… ${amount(line.count)} more`;
  if (line.type === 'worker') return line.id;
  const { id, name, label, strategy, children } = line;
  return `${id ?? name ?? label}  ${strategy}, ${counted(children, 'child', 'children')}`;
}

function figuresOf(line: SupervisionLine): readonly string[] {
  if (line.type === 'more') return [];
  const { pid, status, restarts } = line;
  return [pid === undefined ? '-' : shortPid(pid), status, restarts === 0 ? '' : amount(restarts)];
}

/**
 * `liminal-node nodes`: the members of the cluster as one node sees them.
 */
import { Command } from 'commander';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { ClusterMember } from '../node.js';
import { type AttachmentFlags, attach, connectOption, logLevelOption } from './attachment.js';
import { type Context, cookieFileFlag, cookieFileOption, jsonOption } from './context.js';
import { plainTable } from './plain-table.js';
import { withTlsOptions } from './tls-flags.js';
import { age } from './words.js';

const EXAMPLES = `
Examples:
  liminal-node nodes
  liminal-node nodes --connect 127.0.0.1:4371
  liminal-node nodes --json | jq -r .name
`;

export function nodesCommand(context: Context): Command {
  return withTlsOptions(new Command('nodes'))
    .description('show the members of the cluster as one node sees them')
    .addOption(connectOption())
    .addOption(cookieFileOption())
    .addOption(jsonOption('print one JSON object a line for each member'))
    .addOption(logLevelOption('error'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: AttachmentFlags, command: Command) => {
      context.finish(await nodes(flags, cookieFileFlag(command), context));
    });
}

async function nodes(flags: AttachmentFlags, cookieFile: string | undefined, context: Context): Promise<ExitCode> {
  await using remote = await attach(flags, cookieFile, false, context.interruption);
  const members = await remote.members();
  if (flags.json === true) for (const member of members) await context.stdout.line(memberLine(member));
  else await context.stdout.line(memberTable(members, Date.now()));
  const { connected, known, missing } = await remote.joined();
  const line = { event: 'missing', connected, known, missing };
  if (missing.length > 0) {
    await context.stderr.line(flags.json === true ? JSON.stringify(line) : missingLine(connected, known, missing));
  }
  return EXIT.ok;
}

function memberLine({ name, address, state, since, roundTripMs }: ClusterMember): string {
  return JSON.stringify({ name, address, state, since, roundTripMs: roundTripMs ?? null });
}

/** What there is besides: nodes that are known and not connected, and why. */
export function missingLine(connected: number, known: number, missing: readonly string[]): string {
  return `connected to ${connected} of ${known} known nodes; missing: ${missing.join(', ')}`;
}

/** @param now wall clock, in ms. */
export function memberTable(members: readonly ClusterMember[], now: number): string {
  const table = plainTable(['NAME', 'ADDRESS', 'STATE', 'SINCE', 'ROUND TRIP']);
  for (const { name, address, state, since, roundTripMs } of members) {
    table.push([
      name,
      address ?? '-',
      state,
      `${new Date(since).toISOString().replace(/\.\d+Z$/, 'Z')} (${age(now - since)})`,
      roundTripMs === undefined ? '-' : `${roundTripMs.toFixed(roundTripMs < 10 ? 2 : 0)} ms`,
    ]);
  }
  return table.toString();
}

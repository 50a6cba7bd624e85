/**
 * `liminal-node demo`: three nodes on this machine, one of which is killed and comes back.
 */
import { Command, Option } from 'commander';
import { EXIT, type ExitCode } from '../../exit-code.js';
import { wholeNumber } from '../arguments.js';
import { type Context, jsonOption } from '../context.js';
import { CliFailure } from '../failure.js';
import { DemoError, runDemo } from './demo-run.js';
import { createView } from './demo-view.js';

interface DemoFlags {
  readonly seconds: number;
  readonly rate: number;
  readonly json?: true;
}

const EXAMPLES = `
Three nodes start as OS processes, each with a publisher and a subscriber. One is killed with SIGKILL, its
subscriber vanishes from the tables of the others, it comes back, and everything flows again. At the end there
is an account of every message for each pair of nodes. Exit code 1 if one was lost or duplicated.

Examples:
  liminal-node demo
  liminal-node demo --seconds 60 --rate 2000
  liminal-node demo --json | tail -n 2 | head -n 1 | jq .
`;

export function demoCommand(context: Context): Command {
  return new Command('demo')
    .description('show three nodes at work, one of which is killed and comes back')
    .addOption(
      new Option('--seconds <n>', 'how long is published')
        .default(15)
        .argParser(wholeNumber(2, 86_400))
        .env('LIMINAL_SECONDS'),
    )
    .addOption(
      new Option('--rate <n>', 'messages a second that each node publishes')
        .default(200)
        .argParser(wholeNumber(1, 20_000))
        .env('LIMINAL_RATE'),
    )
    .addOption(jsonOption('print one JSON object a line; the one with "event":"summary" has the accounts'))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: DemoFlags) => {
      context.finish(await demo(flags, context));
    });
}

async function demo(flags: DemoFlags, { stdout, stderr, interruption }: Context): Promise<ExitCode> {
  const { signal } = interruption;
  const view = createView(stdout, flags.json === true);
  try {
    const clean = await runDemo({ seconds: flags.seconds, rate: flags.rate, signal, view });
    return clean ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (error instanceof DemoError) throw new CliFailure(EXIT.failed, `The demo failed: ${error.message}.`);
    if (!signal.aborted) throw error;
    await stderr.line('demo ended early; its nodes were stopped');
    return EXIT.ok;
  }
}

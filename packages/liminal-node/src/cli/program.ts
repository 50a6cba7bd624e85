/**
 * The command line as a whole: its commands, its help, and the check of the environment.
 */
import { Command, type CommanderError } from 'commander';
import { EXIT } from '../exit-code.js';
import { connectCommand, disconnectCommand } from './connect-command.js';
import type { Context } from './context.js';
import { demoCommand } from './demo/demo-command.js';
import { CliFailure, EndOfParsing, sentence } from './failure.js';
import { nodesCommand } from './nodes-command.js';
import { psCommand } from './ps-command.js';
import { publishCommand } from './publish-command.js';
import { startCommand } from './start-command.js';
import { subscribeCommand } from './subscribe-command.js';
import { traceCommand } from './trace-command.js';
import { treeCommand } from './tree-command.js';

const HELP = `
Two nodes, one bus, in four terminals:
  npx liminal-node start
  npx liminal-node start --name b@127.0.0.1 --listen 127.0.0.1:4371 --http 127.0.0.1:4381 --seed 127.0.0.1:4370
  npx liminal-node subscribe orders --connect 127.0.0.1:4370
  npx liminal-node publish orders '{"id":1,"total":99.5}' --connect 127.0.0.1:4371

Every flag can be set in the environment, as LIMINAL_ and its name: LIMINAL_LISTEN, LIMINAL_LOG_LEVEL. Flags win.
Nodes prove to each other that they have the same cookie: LIMINAL_COOKIE, --cookie-file, or ~/.liminal/cookie,
which the first start makes. On several machines, give every node the same one.

Exit codes: 0 done, 1 failed or cut short, 2 wrong usage or input, 3 cannot listen, 4 cannot connect,
5 cookie refused, 6 the app does not start, 7 the application gave up.
`;

const COMMANDS = [
  startCommand,
  subscribeCommand,
  publishCommand,
  nodesCommand,
  connectCommand,
  disconnectCommand,
  psCommand,
  treeCommand,
  traceCommand,
  demoCommand,
];

/** Throws commander's errors instead of ending the OS process, and prints nothing but help. */
export function createProgram(context: Context, version: string): Command {
  const program = new Command('liminal-node')
    .description('Actor runtime and clustered message bus for Node.js')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', HELP);
  for (const create of COMMANDS) {
    program.addCommand(create(context));
  }
  for (const command of [program, ...program.commands]) {
    // The message of an error is printed by `main`, in one sentence.
    command.configureOutput({ outputError: () => {} }).exitOverride((error) => {
      throw endingOfCommander(error, command === program ? '' : `${command.name()} `);
    });
    command.configureHelp({ showGlobalOptions: false, helpWidth: 110 });
  }
  return program;
}

/** @param command the command that was parsed, with a space behind it; empty for none. */
function endingOfCommander({ code, message, exitCode }: CommanderError, command: string): Error {
  if (exitCode === 0) return new EndOfParsing(EXIT.ok);
  // `liminal-node` alone: the help was shown.
  if (code === 'commander.help') return new EndOfParsing(EXIT.usage);
  const text = message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/s, '; did you mean $1?')
    .replaceAll('\n', ' ');
  return new CliFailure(EXIT.usage, `${sentence(text)} See: liminal-node ${command}--help`);
}

/** Set by other means than a flag. */
const OTHER_VARIABLES = ['LIMINAL_COOKIE'];

/**
 * Refuses variables that no flag has, because a misspelt setting would be silently ignored, and gives switches
 * such as `LIMINAL_JSON` the meaning of their value; commander takes any value, even `0`, for yes.
 * @param environment is corrected in place.
 * @throws CliFailure (usage)
 */
export function checkEnvironment(program: Command, environment: Record<string, string | undefined>): void {
  const options = program.commands.flatMap((command) => command.options);
  const known = new Map(options.flatMap((option) => (option.envVar === undefined ? [] : [[option.envVar, option]])));
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('LIMINAL_') || OTHER_VARIABLES.includes(variable)) continue;
    const option = known.get(variable);
    if (option === undefined) {
      const all = [...OTHER_VARIABLES, ...known.keys()].sort().join(', ');
      throw new CliFailure(
        EXIT.usage,
        `The variable ${variable} is set, but there is no such setting. Known are ${all}.`,
      );
    }
    // Set to nothing, as a compose file does with what it was not given, is not set.
    if (value === '' || value === undefined) delete environment[variable];
    else if (!option.isBoolean()) continue;
    else if (value === '0' || value === 'false') delete environment[variable];
    else if (value !== '1' && value !== 'true') {
      throw new CliFailure(EXIT.usage, `The variable ${variable} is "${value}". Set it to 1 or to 0.`);
    }
  }
}

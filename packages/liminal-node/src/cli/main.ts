/**
 * Entry of the `liminal-node` command, and the only place that ends the OS process.
 *
 * Results are on stdout, everything else on stderr. A wrong input ends with a sentence that names cause and
 * remedy, and with a documented exit code. A reader who leaves early (`| head`) ends the command in silence.
 */
import { readFileSync } from 'node:fs';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { Context } from './context.js';
import { endingOf } from './failure.js';
import { watchSignals } from './interruption.js';
import { openOutput } from './output.js';
import { checkEnvironment, createProgram } from './program.js';

/** How long the last lines may take on their way to a reader that is slow, once the command was interrupted. */
const LAST_WORDS_MS = 500;

const interruption = watchSignals((signal) => void stderr.line(`${signal} again: ended at once`));
const stdout = openOutput(process.stdout, interruption.signal);
const stderr = openOutput(process.stderr, interruption.signal);
void stdout.closed.then(() => interruption.interrupt('closed output'));

let exitCode: ExitCode = EXIT.ok;
const context: Context = {
  stdout,
  stderr,
  interruption,
  finish: (code) => {
    exitCode = code;
  },
};

try {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = createProgram(context, version);
  checkEnvironment(program, process.env);
  await program.parseAsync();
} catch (error) {
  const ending = endingOf(error);
  exitCode = ending.exitCode;
  if (ending.message !== undefined) await stderr.line(`liminal-node: ${ending.message}`);
}
const written = Promise.all([stdout.flushed(), stderr.flushed()]);
if (interruption.signal.aborted) {
  await Promise.race([written, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))]);
} else {
  await written;
}
process.exit(exitCode);

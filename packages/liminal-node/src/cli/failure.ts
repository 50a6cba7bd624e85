/**
 * How a command ends that cannot do what it was asked: one sentence or two that name cause and remedy, for
 * stderr, and an exit code. Only an error that nobody foresaw is shown with its stack.
 */
import { EXIT, type ExitCode } from '../exit-code.js';

/** Ends the command with this exit code, after `message` on stderr. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliFailure';
    this.exitCode = exitCode;
  }
}

/** Help or the version was shown: there is nothing more to do or to say. */
export class EndOfParsing extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super('the command line was answered');
    this.exitCode = exitCode;
  }
}

export interface Ending {
  readonly exitCode: ExitCode;
  /** Undefined: there is nothing to say. */
  readonly message?: string;
}

/** What remains to be said about an error by its stable code. */
const BY_CODE: Readonly<Record<string, { readonly exitCode: ExitCode; readonly remedy?: string }>> = {
  ERR_LIMINAL_LISTEN: {
    exitCode: EXIT.listen,
    remedy: 'It is set with --listen HOST:PORT.',
  },
  ERR_LIMINAL_HTTP_LISTEN: {
    exitCode: EXIT.listen,
    remedy: 'Choose another address with --http HOST:PORT, port 0 picks a free one, or do without: --http off.',
  },
  ERR_LIMINAL_CONNECT: { exitCode: EXIT.connect },
  ERR_LIMINAL_COOKIE: { exitCode: EXIT.cookie },
  ERR_LIMINAL_REQUEST: { exitCode: EXIT.failed },
  ERR_LIMINAL_TLS: { exitCode: EXIT.usage },
  ERR_LIMINAL_OPTION: { exitCode: EXIT.usage },
};

export function endingOf(error: unknown): Ending {
  if (error instanceof CliFailure) return { exitCode: error.exitCode, message: error.message };
  if (error instanceof EndOfParsing) return { exitCode: error.exitCode };
  const known = BY_CODE[codeOf(error) ?? ''];
  if (known !== undefined) {
    const message = sentence(messageOf(error));
    return { exitCode: known.exitCode, message: known.remedy === undefined ? message : `${message} ${known.remedy}` };
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: EXIT.failed, message: `This is a defect in liminal-node, please report it. ${detail}` };
}

/** The stable code of an error, or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `text` with a full stop, where it has no end yet. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

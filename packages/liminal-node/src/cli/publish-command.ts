/**
 * `liminal-node publish`: has a running node publish one payload, or one for each line of stdin.
 *
 * Payloads are published in their order, with a bounded number of answers outstanding, and bytes of them, so that any
 * amount can be piped through. Each answer comes when the message has been handed to the kernel for every node that
 * had subscribers; the node waits for those that read slowly, so that a pipe is read no faster than they do. A line that is not JSON ends the command; what came before it is published.
 */
import { Argument, Command } from 'commander';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { Receipt } from '../node.js';
import type { RemoteNode } from '../remote-node.js';
import { channelName } from './arguments.js';
import { type AttachmentFlags, attach, connectOption, logLevelOption } from './attachment.js';
import { type Context, cookieFileFlag, cookieFileOption, jsonOption } from './context.js';
import { CliFailure, codeOf, messageOf, sentence } from './failure.js';
import { type JsonValue, jsonLines, parseJson } from './json-values.js';
import { withTlsOptions } from './tls-flags.js';

const EXAMPLES = `
Examples:
  liminal-node publish orders '{"id":1,"total":99.5}'   one message
  liminal-node publish orders 42 --json                  prints {"local":…,"nodes":…,"dropped":…}
  jq -c .[] orders.json | liminal-node publish orders -  one message for each line

local: subscribers on the node itself; nodes: other nodes that it was sent to; dropped: deliveries that were
not made, which stderr explains.
`;

const SHELL_ADVICE =
  'Strings and keys need double quotes, so put single quotes around the whole in a shell: \'{"id":1}\'.';

/** Answers outstanding at a time, and characters of what was published: what the node holds for us waits no longer. */
const WINDOW = 64;
const WINDOW_CHARACTERS = 2 ** 20;

export function publishCommand(context: Context): Command {
  return withTlsOptions(new Command('publish'))
    .description('publish JSON on a channel')
    .addArgument(new Argument('<channel>', 'the name of the channel').argParser(channelName))
    .addArgument(new Argument('<json>', 'the payload, or - for one JSON value on each line of stdin'))
    .addOption(connectOption())
    .addOption(cookieFileOption())
    .addOption(jsonOption('print the receipt of each message, a line each'))
    .addOption(logLevelOption('error'))
    .addHelpText('after', EXAMPLES)
    .action(async (channel: string, payload: string, flags: AttachmentFlags, command: Command) => {
      context.finish(await publish(channel, payload, flags, cookieFileFlag(command), context));
    });
}

async function publish(
  channel: string,
  text: string,
  flags: AttachmentFlags,
  cookieFile: string | undefined,
  context: Context,
): Promise<ExitCode> {
  const { signal } = context.interruption;
  // A payload that is no JSON is told before anything is connected.
  const values = text === '-' ? undefined : oneValue(parseJson(text, 'The payload', SHELL_ADVICE));
  await using remote = await attach(flags, cookieFile, false, context.interruption);
  const total = await publishAll(remote, channel, values ?? jsonLines(standardInput(signal)), flags, context);
  if (flags.json !== true) await context.stdout.line(summary(channel, remote.peer, total));
  if (total.dropped === 0) return EXIT.ok;
  const reasons = [...total.reasons].map(([reason, count]) => `${reason}: ${count}`).join(', ');
  await context.stderr.line(`${total.dropped} deliveries were dropped (${reasons}).`);
  return EXIT.failed;
}

interface Total {
  published: number;
  dropped: number;
  readonly reasons: Map<string, number>;
  /** Of the last message. */
  last: Receipt;
}

async function publishAll(
  remote: RemoteNode,
  channel: string,
  values: AsyncIterable<JsonValue>,
  { json }: AttachmentFlags,
  { stdout }: Context,
): Promise<Total> {
  const total: Total = { published: 0, dropped: 0, reasons: new Map(), last: { local: 0, nodes: 0, dropped: 0 } };
  const outstanding: { readonly line: number; readonly length: number; readonly receipt: Promise<Receipt> }[] = [];
  let characters = 0;
  const settle = async (leave: number): Promise<void> => {
    while (outstanding.length > leave || (leave > 0 && characters > WINDOW_CHARACTERS)) {
      const next = outstanding.shift();
      if (next === undefined) return;
      characters -= next.length;
      const receipt = await next.receipt.catch((error: unknown) => {
        throw failureAt(next.line, total.published, error);
      });
      total.published += 1;
      total.dropped += receipt.dropped;
      for (const { reason, count } of receipt.losses ?? []) {
        total.reasons.set(reason, (total.reasons.get(reason) ?? 0) + count);
      }
      total.last = receipt;
      const { local, nodes, dropped } = receipt;
      if (json === true) await stdout.line(JSON.stringify({ local, nodes, dropped }));
    }
  };
  try {
    for await (const { value, line, length } of values) {
      const receipt = remote.publish(channel, value);
      // Its failure is told in its turn, not as an unhandled rejection before.
      receipt.catch(() => {});
      outstanding.push({ line, length, receipt });
      characters += length;
      await settle(WINDOW);
    }
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    await settle(0);
    throw new CliFailure(error.exitCode, `${error.message} ${publishedBefore(total.published)}`);
  }
  await settle(0);
  return total;
}

/** The payload is JSON, but the node does not take it. */
const BAD_PAYLOAD = ['ERR_LIMINAL_NOT_PORTABLE', 'ERR_LIMINAL_PAYLOAD', 'ERR_LIMINAL_PAYLOAD_TOO_LARGE'];

function isBadPayload(error: unknown): boolean {
  const remoteCode = error instanceof Error && 'remoteCode' in error ? String(error.remoteCode) : undefined;
  return BAD_PAYLOAD.includes(remoteCode ?? codeOf(error) ?? '');
}

function failureAt(line: number, published: number, error: unknown): CliFailure {
  const where = line === 0 ? 'The message' : `Line ${line}`;
  return new CliFailure(
    isBadPayload(error) ? EXIT.usage : EXIT.failed,
    `${where} was not published: ${sentence(messageOf(error))} ${line === 0 ? '' : publishedBefore(published)}`.trim(),
  );
}

function publishedBefore(count: number): string {
  return count === 1 ? 'The message before it was published.' : `The ${count} messages before it were published.`;
}

function summary(channel: string, peer: string, { published, last }: Total): string {
  if (published !== 1) return `published ${published} messages to ${channel} on ${peer}`;
  const { local, nodes } = last;
  const reach =
    local + nodes === 0
      ? 'nobody is subscribed'
      : `${local} ${local === 1 ? 'subscriber' : 'subscribers'} there, ${nodes} other ${nodes === 1 ? 'node' : 'nodes'}`;
  return `published to ${channel} on ${peer}: ${reach}`;
}

async function* oneValue(value: unknown): AsyncGenerator<JsonValue> {
  yield { value, line: 0, length: 0 };
}

/** Stdin as text, until it ends or the command is interrupted. */
async function* standardInput(signal: AbortSignal): AsyncGenerator<string> {
  const { stdin } = process;
  stdin.setEncoding('utf8');
  signal.addEventListener('abort', () => stdin.destroy(), { once: true });
  try {
    for await (const chunk of stdin) {
      if (signal.aborted) return;
      yield chunk as string;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

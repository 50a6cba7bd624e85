/**
 * `liminal-node subscribe`: prints what is published on a channel, from wherever it is published.
 *
 * It is a hidden node of its own that connects to every node of the cluster, so that each publish reaches it
 * directly. Lost connections are dialled again for as long as it runs; what is published on a lost node
 * meanwhile is missed, and stderr says from when to when.
 */

import type { Gap } from '@liminal-node/channels';
import { Argument, Command, Option } from 'commander';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { Envelope } from '../node.js';
import type { RemoteNode } from '../remote-node.js';
import { channelName, wholeNumber } from './arguments.js';
import { type AttachmentFlags, attach, connectOption, logLevelOption } from './attachment.js';
import { type Context, cookieFileFlag, cookieFileOption, jsonOption } from './context.js';
import { project, toJson } from './json-projection.js';
import { withTlsOptions } from './tls-flags.js';

interface SubscribeFlags extends AttachmentFlags {
  readonly count?: number;
}

/** What stderr is told: a sentence, or with `--json` the event. */
type Notify = (sentence: string, event: Readonly<Record<string, unknown>>) => Promise<void>;

const EXAMPLES = `
Examples:
  liminal-node subscribe orders                     each payload as JSON, a line each
  liminal-node subscribe orders --json | jq .       the whole envelope: id, publisher, timestamp, payload, …
  liminal-node subscribe orders --count 1           ends after the first
  liminal-node subscribe orders --connect 127.0.0.1:4371

Results go to stdout, what happens to the connection to stderr.
`;

export function subscribeCommand(context: Context): Command {
  return withTlsOptions(new Command('subscribe'))
    .description('print what is published on a channel, on any node of the cluster')
    .addArgument(new Argument('<channel>', 'the name of the channel').argParser(channelName))
    .addOption(connectOption())
    .addOption(
      new Option('--count <n>', 'end after so many messages')
        .argParser(wholeNumber(1, Number.MAX_SAFE_INTEGER))
        .env('LIMINAL_COUNT'),
    )
    .addOption(cookieFileOption())
    .addOption(jsonOption('print the whole envelope, and what happens on stderr as JSON too'))
    .addOption(logLevelOption('error'))
    .addHelpText('after', EXAMPLES)
    .action(async (channel: string, flags: SubscribeFlags, command: Command) => {
      context.finish(await subscribe(channel, flags, cookieFileFlag(command), context));
    });
}

async function subscribe(
  channel: string,
  flags: SubscribeFlags,
  cookieFile: string | undefined,
  context: Context,
): Promise<ExitCode> {
  const { stderr, interruption } = context;
  const json = flags.json === true;
  const notify: Notify = (sentence, event) => stderr.line(json ? JSON.stringify(event) : sentence);
  await using remote = await attach(flags, cookieFile, true, interruption);
  const subscription = remote.node.channel<unknown>(channel).subscribe({ gaps: true });
  interruption.signal.addEventListener('abort', () => subscription.close(), { once: true });
  if (interruption.signal.aborted) subscription.close();
  // Until every member has taken in the subscription, a publish there would miss it.
  await remote.settle();
  await notify(`subscribed to ${channel} on ${remote.peer}`, { event: 'subscribed', channel, node: remote.peer });
  const following = followConnections(remote, interruption.signal, notify);
  await print(subscription, flags, context, notify);
  subscription.close();
  interruption.interrupt('done');
  await following;
  return EXIT.ok;
}

async function print(
  subscription: AsyncIterable<Envelope<unknown> | Gap>,
  { count = Number.POSITIVE_INFINITY, json }: SubscribeFlags,
  { stdout }: Context,
  notify: Notify,
): Promise<void> {
  let printed = 0;
  for await (const item of subscription) {
    if ('signal' in item) {
      await tellGap(item, notify);
      continue;
    }
    await stdout.line(json === true ? envelopeLine(item) : toJson(item.payload));
    printed += 1;
    if (printed >= count) return;
  }
}

async function tellGap({ count, reason, node }: Gap, notify: Notify): Promise<void> {
  // Of a lost connection more is told where the connections are followed.
  if (count === undefined) return;
  const messages = count === 1 ? '1 message' : `${count} messages`;
  if (node === undefined) {
    await notify(`${messages} dropped: they come faster than they are read here`, { event: 'dropped', count });
  } else {
    await notify(`${messages} of ${node} missed (${reason})`, { event: 'missed', count, node, reason });
  }
}

/** The envelope on one line; `docs/cli.md` lists its fields. */
export function envelopeLine(envelope: Envelope<unknown>): string {
  const { id, channel, publisher, timestamp, parents, trace, contentType, payload } = envelope;
  const head = { id, channel, publisher, timestamp, parents, ...(trace !== undefined && { trace }), contentType };
  return JSON.stringify({ ...head, payload: project(payload) });
}

/** Says when a node is lost and when it is there again. */
async function followConnections(remote: RemoteNode, signal: AbortSignal, notify: Notify): Promise<void> {
  const lost = new Set<string>();
  for await (const event of remote.node.membership(signal)) {
    const { node, hidden } = event.session;
    if (hidden) continue;
    if (event.type === 'down') {
      lost.add(node);
      await notify(`lost ${node} (${event.reason}); what it publishes is missed until it is back`, {
        event: 'lost',
        node,
        reason: event.reason,
      });
    } else if (lost.delete(node)) {
      await notify(`connected to ${node} again`, { event: 'again', node });
    }
  }
}

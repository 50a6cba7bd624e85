/**
 * `liminal-node connect` and `liminal-node disconnect`: tell a running node whom to connect to, and whom to stay away
 * from.
 */
import { Argument, Command } from 'commander';
import { EXIT } from '../exit-code.js';
import { peerArgument } from './arguments.js';
import { type AttachmentFlags, attach, connectOption, logLevelOption } from './attachment.js';
import { type Context, cookieFileFlag, cookieFileOption, jsonOption } from './context.js';
import { withTlsOptions } from './tls-flags.js';

const CONNECT_EXAMPLES = `
Examples:
  liminal-node connect 10.0.0.7:4370                    it is dialled from now on, like a seed
  liminal-node connect b@10.0.0.7                       takes back: liminal-node disconnect b@10.0.0.7
`;

const DISCONNECT_EXAMPLES = `
Examples:
  liminal-node disconnect b@10.0.0.7                    neither dials nor takes it, until told to connect
  liminal-node disconnect 10.0.0.7:4370                 the same, and the address is no seed any more
`;

export function connectCommand(context: Context): Command {
  return peerCommand('connect', 'connect a running node to another', CONNECT_EXAMPLES).action(
    async (peer: string, flags: AttachmentFlags, command: Command) => {
      await using remote = await attach(flags, cookieFileFlag(command), false, context.interruption);
      const connected = await remote.connect(peer);
      const text = `${remote.peer} is connected to ${connected}`;
      await context.stdout.line(flags.json === true ? JSON.stringify({ node: remote.peer, connected }) : text);
      context.finish(EXIT.ok);
    },
  );
}

export function disconnectCommand(context: Context): Command {
  return peerCommand('disconnect', 'disconnect a running node from another', DISCONNECT_EXAMPLES).action(
    async (peer: string, flags: AttachmentFlags, command: Command) => {
      await using remote = await attach(flags, cookieFileFlag(command), false, context.interruption);
      const wasConnected = await remote.disconnect(peer);
      const text = wasConnected ? 'is disconnected from' : 'was not connected, and will not connect, to';
      const line = { node: remote.peer, disconnected: peer, wasConnected };
      await context.stdout.line(flags.json === true ? JSON.stringify(line) : `${remote.peer} ${text} ${peer}`);
      context.finish(EXIT.ok);
    },
  );
}

function peerCommand(name: string, description: string, examples: string): Command {
  return withTlsOptions(new Command(name))
    .description(description)
    .addArgument(new Argument('<peer>', 'the name of a node, or the address where it listens').argParser(peerArgument))
    .addOption(connectOption())
    .addOption(cookieFileOption())
    .addOption(jsonOption('print the outcome as a JSON object'))
    .addOption(logLevelOption('error'))
    .addHelpText('after', examples);
}

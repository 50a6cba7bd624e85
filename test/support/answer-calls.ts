/**
 * The other end of {@link NodeProcess}: each message from the parent is one call of a command, each answer what that
 * returned or threw. The process ends with its parent, whatever happens.
 */

interface Call {
  readonly call: number;
  readonly command: string;
  readonly args: readonly unknown[];
}

export type Answer =
  | { readonly call: number; readonly ok: true; readonly value: unknown }
  | { readonly call: number; readonly ok: false; readonly error: string };

function answer(message: Answer | { readonly loaded: true }): void {
  // The parent may have ended meanwhile.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

export function answerCalls(commands: Readonly<Record<string, (...args: never[]) => unknown>>): void {
  process.on('message', async ({ call, command, args }: Call) => {
    try {
      const perform = commands[command] as (...args: readonly unknown[]) => unknown;
      answer({ call, ok: true, value: await perform(...args) });
    } catch (error) {
      answer({ call, ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.on('disconnect', () => process.exit(1));
  answer({ loaded: true });
}

/**
 * Ctrl-C and SIGTERM: the first asks the command to come to its end, the second ends it at once.
 */
import { EXIT } from '../exit-code.js';

export interface Interruption {
  /** Aborted by the first signal; its `reason` is the signal's name. */
  readonly signal: AbortSignal;
  /** The same by hand, for instance because nobody reads the output any more. */
  interrupt(reason: string): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Takes over the signals of this OS process.
 * @param forced is told of the second signal just before the process ends with exit code 1.
 */
export function watchSignals(forced: (signal: string) => void): Interruption {
  const controller = new AbortController();
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (!controller.signal.aborted) return controller.abort(signal);
      forced(signal);
      process.exit(EXIT.failed);
    });
  }
  return { signal: controller.signal, interrupt: (reason) => controller.abort(reason) };
}

/** Resolves when `signal` is aborted, at once where it is already. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/**
 * Lines on stdout or stderr, in order, with back-pressure, for readers that are slow or leave.
 *
 * `line` resolves when the operating system has the line, so that a command that awaits it never buffers more
 * than one. When the reader has gone (`| head -1`), `closed` resolves, and later lines are thrown away in
 * silence. A short time after `hurry` is aborted nobody waits for the reader any more: a command that is
 * interrupted must not hang on a pager that shows its first page.
 */

export interface Output {
  /** Writes text and a line end. Never rejects. */
  line(text: string): Promise<void>;
  /** Writes text as it is. Never rejects. */
  write(text: string): Promise<void>;
  /** Resolves when the reader has gone. */
  readonly closed: Promise<void>;
  /** Resolves when everything written has been handed over or the reader has gone, hurry or not. */
  flushed(): Promise<void>;
  readonly isTerminal: boolean;
  /** How many characters fit on a line of the terminal. 80 where there is none. */
  readonly columns: number;
}

/** How long an interrupted command waits for a slow reader. */
const HURRY_MS = 500;

export function openOutput(stream: NodeJS.WriteStream, hurry: AbortSignal): Output {
  const waiting = new Set<() => void>();
  let open = true;
  let patient = true;
  let close = (): void => {};
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  const release = (): void => {
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  // EPIPE and its like: nobody reads any more, and nobody can be told.
  stream.on('error', () => {
    open = false;
    close();
    release();
  });
  hurry.addEventListener('abort', () => {
    setTimeout(() => {
      patient = false;
      release();
    }, HURRY_MS).unref();
  });
  const write = (text: string): Promise<void> =>
    new Promise((resolve) => {
      if (!open) return resolve();
      waiting.add(resolve);
      stream.write(text, () => {
        waiting.delete(resolve);
        resolve();
      });
      if (!patient) resolve();
    });
  return {
    line: (text) => write(`${text}\n`),
    write,
    closed,
    flushed: () => Promise.race([new Promise<void>((resolve) => void stream.write('', () => resolve())), closed]),
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
  };
}

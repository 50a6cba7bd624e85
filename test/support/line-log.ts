/**
 * What an OS process under test printed, line by line, and waiting for a line with a deadline.
 *
 * A wait looks at the lines that are there already, from `after` on, and then at every later one, so that
 * nothing is missed between printing and asking. When the deadline passes or the stream ends first, the
 * error shows what was printed instead.
 */

/** How long a test waits for something that should come soon. Generous: the machine is shared. */
export const DEADLINE_MS = 30_000;

export interface WaitOptions {
  /** Lines before this position do not count; take it from {@link LineLog.length}. @default 0 */
  readonly after?: number;
  readonly deadlineMs?: number;
}

interface Waiter {
  look(): void;
  fail(why: string): void;
}

export class LineLog {
  /** Every whole line so far, without its line end. */
  readonly lines: string[] = [];
  #rest = '';
  #ended = false;
  readonly #name: string;
  readonly #waiters = new Set<Waiter>();

  constructor(name: string) {
    this.#name = name;
  }

  /** How many lines there are: a position for {@link WaitOptions.after}. */
  get length(): number {
    return this.lines.length;
  }

  get text(): string {
    return this.#rest === '' ? this.lines.join('\n') : [...this.lines, this.#rest].join('\n');
  }

  append(chunk: string): void {
    const pieces = (this.#rest + chunk).split('\n');
    this.#rest = pieces.pop() ?? '';
    this.lines.push(...pieces);
    if (pieces.length > 0) for (const waiter of [...this.#waiters]) waiter.look();
  }

  end(): void {
    if (this.#ended) return;
    if (this.#rest !== '') this.append('\n');
    this.#ended = true;
    for (const waiter of [...this.#waiters]) waiter.fail('the stream ended');
  }

  /** The first line for which `match` returns something other than undefined: what it returned. */
  waitFor<T>(
    what: string,
    match: (line: string) => T | undefined,
    { after = 0, deadlineMs = DEADLINE_MS }: WaitOptions = {},
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let next = after;
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        finish();
      };
      const waiter: Waiter = {
        look: () => {
          for (; next < this.lines.length; next += 1) {
            const found = match(this.lines[next] ?? '');
            if (found !== undefined) return settle(() => resolve(found));
          }
        },
        fail: (why) =>
          settle(() =>
            reject(new Error(`no ${what} on ${this.#name}: ${why}; it printed:\n${this.text || '(nothing)'}`)),
          ),
      };
      const timer = setTimeout(() => waiter.fail(`not within ${deadlineMs} ms`), deadlineMs);
      this.#waiters.add(waiter);
      waiter.look();
      if (this.#ended && this.#waiters.has(waiter)) waiter.fail('the stream ended');
    });
  }

  /** The first line that contains `text` or matches it. */
  line(text: string | RegExp, options?: WaitOptions): Promise<string> {
    const matches = (line: string): boolean => (typeof text === 'string' ? line.includes(text) : text.test(line));
    return this.waitFor(`line with ${text}`, (line) => (matches(line) ? line : undefined), options);
  }

  /** Resolves with the first `count` lines once they are there. */
  async first(count: number, options?: WaitOptions): Promise<string[]> {
    if (this.lines.length < count) {
      await this.waitFor(`${count} lines`, () => (this.lines.length >= count ? true : undefined), options);
    }
    return this.lines.slice(0, count);
  }
}

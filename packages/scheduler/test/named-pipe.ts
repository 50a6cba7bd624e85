/** A named pipe that a thread can be blocked in, by code that no signal of the runtime interrupts. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { microtasks } from './manual-environment.js';

export class NamedPipe implements Disposable {
  readonly path: string;
  readonly #directory: string;
  /** Our end, which keeps a reader waiting. */
  #end: number | undefined;

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), 'liminal-'));
    this.path = join(this.#directory, 'pipe');
    execFileSync('mkfifo', [this.path]);
  }

  /** Resolves when somebody reads, and waits for what will never be written. */
  async hasReader(): Promise<void> {
    while (this.#end === undefined) {
      try {
        this.#end = openSync(this.path, constants.O_WRONLY | constants.O_NONBLOCK);
      } catch (error) {
        // Nobody has it open for reading.
        if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
        await microtasks();
      }
    }
  }

  /** The reader's call returns, and with it its thread can end. */
  [Symbol.dispose](): void {
    // Opened for both, because to open it for writing alone waits for a reader, which may be gone.
    this.#end ??= openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK);
    closeSync(this.#end);
    rmSync(this.#directory, { recursive: true });
  }
}

/**
 * The folder of the application, and what of it a peer can name: files below it, by their paths from there.
 *
 * A path is the rest of a module's URL below the root, as the peer has it. It must lead to a file that is below the
 * root as it is written, and still is once every symbolic link is followed. What is outside and what is not there
 * are refused alike, so that a peer learns nothing of the rest of the disk.
 */
import { realpath, stat } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { OptionError, SpawnRefusedError } from '@liminal-node/scheduler';

/** A module of the application. */
export interface ApplicationModule {
  /** Its URL, as the module itself has it in `import.meta.url`. */
  readonly href: string;
  /** In a folder of dependencies, or hidden. */
  readonly isForeign: boolean;
}

export class ApplicationRoot {
  /** Ends with a slash. */
  readonly href: string;
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
    this.href = pathToFileURL(path.endsWith(sep) ? path : path + sep).href;
  }

  /** @throws OptionError where there is no such folder. */
  static async find(folder: string): Promise<ApplicationRoot> {
    const path = await realpath(resolve(folder)).catch(() => undefined);
    if (path === undefined || !(await stat(path)).isDirectory()) {
      throw new OptionError('applicationRoot', `must be a folder; there is none at ${resolve(folder)}`);
    }
    return new ApplicationRoot(path);
  }

  /** @throws SpawnRefusedError for what is no file below the root. */
  async locate(module: string): Promise<ApplicationModule> {
    const refused = new SpawnRefusedError(`there is no module "${module}" below the application root of the node`, {
      reason: 'outside_root',
    });
    const written = this.#below(module);
    if (written === undefined) throw refused;
    const path = await realpath(written).catch(() => undefined);
    if (path === undefined || !this.#contains(path) || !(await stat(path)).isFile()) throw refused;
    const parts = relative(this.#path, path).split(sep);
    const isForeign = parts.some((part) => part === 'node_modules' || part.startsWith('.'));
    return { href: pathToFileURL(path).href, isForeign };
  }

  /** The path that a peer's text stands for, or undefined where it is none below the root. */
  #below(module: string): string | undefined {
    if (/^[/\\]|^[A-Za-z][A-Za-z0-9+.-]*:/.test(module) || module.includes('\0')) return undefined;
    try {
      const url = new URL(module, this.href);
      if (!url.href.startsWith(this.href) || url.search !== '' || url.hash !== '') return undefined;
      const path = fileURLToPath(url);
      return this.#contains(path) ? path : undefined;
    } catch {
      // No URL, or one with an escaped slash.
      return undefined;
    }
  }

  #contains(path: string): boolean {
    const rest = relative(this.#path, path);
    return rest !== '' && rest !== '..' && !rest.startsWith(`..${sep}`) && resolve(this.#path, rest) === path;
  }
}

/**
 * What other nodes may have started on this one; the option `remoteSpawn` of a node says it.
 *
 * A peer that has proved itself knows the cookie, and is still not trusted with the disk: by default it can start
 * only what the program of this node has itself loaded, so that no code runs that would not run otherwise. Loading
 * a module is running it, which is why that takes a setting of its own.
 */
import {
  type CodeAddress,
  isDefined,
  type SpawnCode,
  type SpawnPolicy,
  SpawnRefusedError,
} from '@liminal-node/scheduler';
import { GLOBAL_NAMES_SPEC, globalNames } from '../names/registry.js';
import type { ApplicationRoot } from './application-root.js';

/** Each allows what those before it do. */
export const REMOTE_SPAWN = ['none', 'registered', 'defined', 'modules'] as const;

export type RemoteSpawn = (typeof REMOTE_SPAWN)[number];

/** Registries that every node has. */
const REGISTRIES = new Map<string, CodeAddress>([[GLOBAL_NAMES_SPEC, globalNames]]);

const MAX_NAME_LENGTH = 255;

export class NodeSpawnPolicy implements SpawnPolicy {
  readonly #mode: RemoteSpawn;
  readonly #root: ApplicationRoot;
  readonly #specs = new Map<string, CodeAddress>();

  constructor(mode: RemoteSpawn, root: ApplicationRoot) {
    this.#mode = mode;
    this.#root = root;
  }

  /** @throws TypeError for a name that is taken, or is none. */
  register(spec: string, { module, name }: CodeAddress): void {
    if (spec === '' || spec.length > MAX_NAME_LENGTH) {
      throw new TypeError(`the name of a spec has 1 to ${MAX_NAME_LENGTH} characters`);
    }
    if (this.#specs.has(spec)) throw new TypeError(`"${spec}" is registered already`);
    this.#specs.set(spec, { module, name });
  }

  spec(name: string): CodeAddress | undefined {
    return this.#specs.get(name);
  }

  async resolve(kind: 'process' | 'registry', code: SpawnCode): Promise<CodeAddress> {
    const mode = this.#mode;
    if (mode === 'none') throw this.#notAllowed('nothing is started for other nodes');
    if ('spec' in code) {
      const found = kind === 'process' ? this.spec(code.spec) : REGISTRIES.get(code.spec);
      if (found !== undefined) return found;
      throw new SpawnRefusedError(`the node has registered nothing as "${code.spec}"`, { reason: 'no_such_spec' });
    }
    if (mode === 'registered') throw this.#notAllowed('only what is registered is started, by its name');
    const { href, isForeign } = await this.#root.locate(code.module);
    const address = { module: href, name: code.name };
    if (isDefined(kind, href, code.name) || (mode === 'modules' && !isForeign)) return address;
    throw this.#notAllowed(`its program has not loaded a module ${code.module} that defines "${code.name}"`);
  }

  #notAllowed(why: string): SpawnRefusedError {
    return new SpawnRefusedError(`${why}: the node's option remoteSpawn is '${this.#mode}'`, { reason: 'not_allowed' });
  }
}

/**
 * A network namespace for each node, joined by a bridge on which the proxies listen, so that faults happen to real
 * TCP: packets are lost, and nothing says so. Needs the rights to make namespaces, and `ip` and `tc`.
 *
 *   node i: 10.88.x.(10+i) in a namespace -- veth -- bridge 10.88.x.1 here
 *
 * - `cutOff`: the link of the node is down.
 * - `mute`, `deaf`: what it sends, or what it is sent, is dropped. By iptables where that is installed, else by a
 *   token bucket that no packet fits into.
 * - `slowLine`: a token bucket of 256 kbit/s in its direction out.
 */
import { execFileSync } from 'node:child_process';

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

const NO_PACKET = ['tbf', 'rate', '8bit', 'burst', '10', 'limit', '10'];
const SLOW = ['tbf', 'rate', '256kbit', 'burst', '8kb', 'latency', '400ms'];

const hasIptables = (() => {
  try {
    run('iptables', '-L', '-n');
    return true;
  } catch {
    return false;
  }
})();

export class Namespaces implements Disposable {
  /** The address of the bridge. */
  readonly gateway: string;
  readonly #id: string;
  readonly #count: number;
  readonly #cleanUp = (): void => this[Symbol.dispose]();

  /** @throws the error of the first command that failed; nothing is left then. */
  static create(count: number): Namespaces {
    const namespaces = new Namespaces(count);
    try {
      namespaces.#create();
      return namespaces;
    } catch (error) {
      namespaces[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(count: number) {
    this.#count = count;
    this.#id = `lm${process.pid % 100_000}`;
    this.gateway = `10.88.${process.pid % 256}.1`;
    process.once('exit', this.#cleanUp);
  }

  host(node: number): string {
    return this.gateway.replace(/1$/, String(10 + node));
  }

  /** The command that runs another in the namespace of a node. */
  prefix(node: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.#space(node)];
  }

  cutOff(node: number, isCut: boolean): void {
    run('ip', 'link', 'set', this.#here(node), isCut ? 'down' : 'up');
  }

  /** What the node sends is lost. */
  mute(node: number, isMute: boolean): void {
    if (hasIptables) this.#iptables(node, 'OUTPUT', isMute);
    else this.#bucket(node, isMute ? NO_PACKET : undefined);
  }

  /** What the node is sent is lost. */
  deaf(node: number, isDeaf: boolean): void {
    if (hasIptables) this.#iptables(node, 'INPUT', isDeaf);
    else if (isDeaf) run('tc', 'qdisc', 'replace', 'dev', this.#here(node), 'root', ...NO_PACKET);
    else run('tc', 'qdisc', 'del', 'dev', this.#here(node), 'root');
  }

  slowLine(node: number, isSlow: boolean): void {
    this.#bucket(node, isSlow ? SLOW : undefined);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#cleanUp);
    const attempts = Array.from({ length: this.#count }, (_, node) => ['netns', 'del', this.#space(node)]);
    for (const args of [...attempts, ['link', 'del', `${this.#id}b`]]) {
      try {
        run('ip', ...args);
      } catch {
        // It was not made.
      }
    }
  }

  #create(): void {
    const bridge = `${this.#id}b`;
    run('ip', 'link', 'add', bridge, 'type', 'bridge');
    run('ip', 'addr', 'add', `${this.gateway}/24`, 'dev', bridge);
    run('ip', 'link', 'set', bridge, 'up');
    for (let node = 0; node < this.#count; node++) {
      const space = this.#space(node);
      run('ip', 'netns', 'add', space);
      run('ip', 'link', 'add', this.#here(node), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
      run('ip', 'link', 'set', this.#here(node), 'master', bridge, 'up');
      this.#inside(node, 'ip', 'addr', 'add', `${this.host(node)}/24`, 'dev', 'eth0');
      this.#inside(node, 'ip', 'link', 'set', 'eth0', 'up');
      this.#inside(node, 'ip', 'link', 'set', 'lo', 'up');
    }
    // Whether buckets may be made is found out here and not in the midst of a run.
    this.slowLine(0, true);
    this.slowLine(0, false);
  }

  #bucket(node: number, qdisc: readonly string[] | undefined): void {
    if (qdisc === undefined) this.#inside(node, 'tc', 'qdisc', 'del', 'dev', 'eth0', 'root');
    else this.#inside(node, 'tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', ...qdisc);
  }

  #iptables(node: number, chain: string, isOn: boolean): void {
    this.#inside(node, 'iptables', isOn ? '-A' : '-D', chain, '-p', 'tcp', '-j', 'DROP');
  }

  #inside(node: number, ...command: readonly string[]): void {
    run('ip', 'netns', 'exec', this.#space(node), ...command);
  }

  #space(node: number): string {
    return `${this.#id}-${node}`;
  }

  /** The end of the node's link that is here. */
  #here(node: number): string {
    return `${this.#id}v${node}`;
  }
}

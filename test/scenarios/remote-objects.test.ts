/** An object of one node, used from another through a proxy, until the node is lost. */
import {
  type AttachedProcess,
  type LiminalNode,
  type NodeName,
  type ObjectAddress,
  type ObjectPid,
  proxy,
  type Remote,
  releaseProxy,
  startNode,
  wrap,
} from 'liminal-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClusterNode, COOKIE, until } from '../support/cluster.js';
import type { Ledger } from '../support/cluster-processes.js';

const NEVER = { timeoutMs: Number.POSITIVE_INFINITY };

let node: LiminalNode;
let far: ClusterNode;
let self: AttachedProcess;
let pid: ObjectPid<Ledger>;
let remote: Remote<Ledger>;
let ledgers = 0;

beforeAll(async () => {
  node = await startNode({ name: 'near@127.0.0.1', cookie: COOKIE, threads: 0 });
  await startFar();
});
afterAll(async () => {
  await far.kill();
  await node[Symbol.asyncDispose]();
});
beforeEach(async () => {
  self = node.attach();
  ledgers++;
  pid = await far.call('startLedger', `ledger ${ledgers}`);
  remote = wrap(self, pid, NEVER);
});
afterEach(() => self.close());

async function startFar(): Promise<void> {
  far = await new ClusterNode().start({ name: 'far@127.0.0.1', seeds: [node.listen ?? ''], threads: 1 });
  await far.connectedTo(node.name);
}

function failure(reason: unknown): object {
  return { code: 'ERR_LIMINAL_CALL', reason };
}

describe('an object of another node', () => {
  it('answers in the order of the calls, by pid and by name, and throws what it throws', async () => {
    const names = Array.from({ length: 50 }, (_, at) => `entry ${at}`);
    await Promise.all(names.map((name) => remote.add(name)));
    const address: ObjectAddress<Ledger> = { name: `ledger ${ledgers}`, node: 'far@127.0.0.1' as NodeName };
    expect(await wrap(self, address).entries).toEqual(names);
    await expect(remote.fail()).rejects.toMatchObject({
      name: 'RangeError',
      message: 'no such entry',
      code: 'E_LEDGER',
      stack: expect.stringContaining('cluster-processes.ts'),
    });
  });

  it('calls back, and hands out objects of its own', async () => {
    const heard: string[] = [];
    await remote.listen(proxy((entry) => heard.push(entry)));
    expect(await remote.tell('news')).toBe(1);
    expect(heard).toEqual(['news']);
    const view = await remote.view();
    await remote.add('one');
    expect(await view.count()).toBe(1);
    view[releaseProxy]();
    expect(() => view.count()).toThrow('released');
  });

  it('that nobody has by that name fails calls at once', async () => {
    const address: ObjectAddress<Ledger> = { name: 'nobody', node: 'far@127.0.0.1' as NodeName };
    await expect(wrap(self, address).entries.then()).rejects.toMatchObject(failure('noproc'));
  });

  it('that is ended there fails its calls here with the reason', async () => {
    await remote.add('before');
    const pending = remote.never();
    await far.call('exitProcess', pid, 'over');
    await expect(pending).rejects.toMatchObject(failure('over'));
    await expect(remote.add('x')).rejects.toMatchObject(failure('over'));
  });
});

describe('the loss of a node', () => {
  it('fails open calls and later ones at once with noconnection, and brings nobody to the next life of the node', async () => {
    const pending = remote.never();
    pending.catch(() => {});
    await remote.add('before');
    await far.kill();
    await expect(pending).rejects.toMatchObject(failure('noconnection'));
    await expect(remote.add('x')).rejects.toMatchObject(failure('noconnection'));
    await startFar();
    await far.call('startLedger', `ledger ${ledgers}`);
    await expect(remote.add('x')).rejects.toMatchObject(failure('noconnection'));
    await expect(wrap(self, pid, NEVER).add('x')).rejects.toMatchObject({ code: 'ERR_LIMINAL_CALL' });
    const address: ObjectAddress<Ledger> = { name: `ledger ${ledgers}`, node: 'far@127.0.0.1' as NodeName };
    expect(await wrap(self, address).entries).toEqual([]);
  });

  it('fails callbacks that it had given, and its proxies are forgotten', async () => {
    await using other = await new ClusterNode().start({ name: 'other@127.0.0.1', seeds: [node.listen ?? ''] });
    await other.connectedTo(node.name, far.name);
    await other.call('listenTo', pid);
    expect(await remote.tell('this')).toBe('other@127.0.0.1 heard this');
    await other.kill();
    await until('the callback fails', async () => (await remote.failure()) === 'noconnection');
    expect(await remote.add('alive')).toBe(1);
  });
});

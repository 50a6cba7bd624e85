/** Short visits to a running node, as the command line makes them. */
import { attachTo, type LiminalNode, startNode } from 'liminal-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ClusterNode, COOKIE, startClusterNode, until } from '../support/cluster.js';

let a: ClusterNode;
let b: LiminalNode;
beforeEach(async () => {
  a = await startClusterNode({ name: 'a@127.0.0.1' });
  b = await startNode({ name: 'b@127.0.0.1', cookie: COOKIE, threads: 0, seeds: [a.listen] });
});
afterEach(async () => {
  await a.kill();
  await b[Symbol.asyncDispose]();
});

describe('a visitor', () => {
  it('publishes and lists through the node that it is attached to, and is no member of anything', async () => {
    const onA = await a.call('subscribe', 'orders');
    const onB = b.channel('orders').subscribe();
    await a.targets('orders', [b.name]);
    await using visitor = await attachTo(a.listen, { cookie: COOKIE });
    expect(await visitor.publish('orders', { id: 1 })).toEqual({ local: 1, nodes: 1, dropped: 0 });
    expect(await a.received(onA, 1)).toEqual([{ id: 1 }]);
    for await (const { payload, publisher } of onB) {
      expect(payload).toEqual({ id: 1 });
      expect(publisher).toContain(`${a.name}#`);
      break;
    }
    expect((await visitor.members()).map(({ name }) => name)).toEqual([a.name, b.name]);
    // It is connected to the one node alone, which tells nobody of it.
    expect(visitor.node.distribution.sessions().map(({ node }) => node)).toEqual([a.name]);
    expect((await a.call('members')).map(({ name }) => name)).toEqual([a.name, b.name]);
    expect(b.distribution.sessions().map(({ node }) => node)).toEqual([a.name]);
  });

  it('is told what is wrong with its request, and the node goes on', async () => {
    await using visitor = await attachTo(a.listen, { cookie: COOKIE });
    for (const channel of ['', 'c'.repeat(256)]) {
      await expect(visitor.publish(channel, 1)).rejects.toMatchObject({
        code: 'ERR_LIMINAL_REQUEST',
        message: `the name of a channel has 1 to 255 bytes, not ${channel.length}`,
      });
    }
    expect(await visitor.publish('orders', 1)).toEqual({ local: 0, nodes: 0, dropped: 0 });
  });

  it('hears at once that the node is gone, and that it went itself', async () => {
    await using visitor = await attachTo(a.listen, { cookie: COOKIE });
    a.signal('SIGSTOP');
    const asked = expect(visitor.members()).rejects.toMatchObject({ code: 'ERR_LIMINAL_CONNECT' });
    await a.kill();
    await asked;
    await until('the visitor knows', () => visitor.node.distribution.sessions().length === 0);
    await expect(visitor.members()).rejects.toMatchObject({ code: 'ERR_LIMINAL_CONNECT' });
  });

  it('that closes leaves no request without an answer', async () => {
    await using visitor = await attachTo(a.listen, { cookie: COOKIE });
    a.signal('SIGSTOP');
    const asked = expect(visitor.members()).rejects.toMatchObject({ code: 'ERR_LIMINAL_CONNECT' });
    await visitor.close();
    await asked;
  });
});

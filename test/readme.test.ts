/** The README's example, as it stands there: compiled, and run beside a node with a subscriber. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClusterNode } from './support/cluster.js';
import { Examples, promisedBy } from './support/examples.js';

/** Where the README says that the other node listens. */
const README_SEED = '127.0.0.1:4371';

let readme: Examples;
beforeAll(() => {
  readme = new Examples('README.md');
});
afterAll(() => readme[Symbol.dispose]());

describe('the example of the README', () => {
  it('compiles, reaches a subscriber on another node, and ends by itself', async () => {
    await using b = await startClusterNode({ name: 'b@127.0.0.1' });
    const subscription = await b.call('subscribe', 'orders');
    const main = readme.text('main.ts');
    expect(main.split(README_SEED)).toHaveLength(2);
    readme.write('greeter.ts');
    readme.write('main.ts', main.replace(README_SEED, b.listen));
    expect(readme.compile('greeter.ts', 'main.ts')).toEqual([]);
    const { code, stdout, stderr } = await readme.run('main.js');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // What the comments behind each console.log promise.
    const promised = promisedBy(main);
    expect(promised).toEqual(['Hello, Ada!', '{ local: 1, nodes: 1, dropped: 0 }', '{ id: 1 }']);
    expect(stdout.trim().split('\n')).toEqual(promised);
    expect(await b.received(subscription, 1)).toEqual([{ id: 1 }]);
    await b.connectedTo();
  });

  it('of a supervision tree compiles, says what its comments say, and ends by itself', async () => {
    const main = readme.text('run.ts');
    readme.write('app.ts');
    readme.write('run.ts', main);
    expect(readme.compile('app.ts', 'run.ts')).toEqual([]);
    const { code, stdout, stderr } = await readme.run('run.js');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const promised = promisedBy(main);
    expect(promised).toEqual(['42', 'ERR_LIMINAL_CALL']);
    expect(stdout.trim().split('\n')).toEqual(promised);
  });
});

describe('the example of objects in the README', () => {
  it('compiles, calls an object on another thread, is called back, and ends by itself', async () => {
    for (const name of ['stock.ts', 'shop.ts']) readme.write(name);
    expect(readme.compile('stock.ts', 'shop.ts')).toEqual([]);
    const { code, stdout, stderr } = await readme.run('shop.js');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toEqual(['3', 'no more pears', '0']);
  });
});

/** What a comlink proxy does over any endpoint, shown over a mailbox: the behaviours that comlink's own tests hold. */
import { type ObjectPid, proxy, type Remote, releaseProxy, wrap } from '@liminal-node/scheduler';
import { expect } from 'vitest';
import { Point, Sample, sampleClass, sum, type Toolbox, toolbox } from './fixtures/objects.js';
import { eventually, onEveryPath, type Path } from './paths.js';

async function open(path: Path): Promise<Remote<Toolbox>> {
  return wrap(path.near, await path.start(toolbox, []));
}

async function openSample(path: Path, counter?: number) {
  const Class = wrap(path.near, await path.start(sampleClass, []));
  return { Class, sample: await (counter === undefined ? new Class() : new Class(counter)) };
}

onEveryPath({
  async 'a property is read, also one that is undefined, nested, computed or absent'(path) {
    const remote = await open(path);
    expect(await remote.value).toBe(4);
    expect(await remote.undefinedValue).toBeUndefined();
    expect(await remote.computed).toBe(5);
    // biome-ignore lint/suspicious/noExplicitAny: reaches for what the types do not have
    expect(await (remote as any).nested.a.b.c).toBe(5);
    // biome-ignore lint/suspicious/noExplicitAny: reaches for what the types do not have
    expect(await (remote as any).absent).toBeUndefined();
  },

  async 'a property is set, and so is one through a setter'(path) {
    const remote = await open(path);
    // biome-ignore lint/suspicious/noExplicitAny: comlink's types have a promise where a value is assigned
    (remote as any).value = 8;
    expect(await remote.value).toBe(8);
    const { sample } = await openSample(path);
    // biome-ignore lint/suspicious/noExplicitAny: comlink's types have a promise where a value is assigned
    (sample as any).counter = 4;
    expect(await sample._counter).toBe(4);
  },

  async 'an object that is a function is called'(path) {
    const remote = wrap(path.near, await path.start(sum, []));
    expect(await remote(1, 3)).toBe(4);
  },

  async 'functions of an object are called: methods, arrows, nested, async, with undefined, destructured'(path) {
    const remote = await open(path);
    expect(await remote.arrow()).toBe(4);
    expect(await remote.echo(undefined)).toBeUndefined();
    // biome-ignore lint/suspicious/noExplicitAny: reaches for what the types do not have
    expect(await (remote as any).nested.a.b.twice(21)).toBe(42);
    // biome-ignore lint/suspicious/noExplicitAny: reaches for what the types do not have
    expect(await (remote as any).index.get('key')).toBe('found');
    const { value, computed, arrow } = remote;
    expect([await value, await computed, await arrow()]).toEqual([4, 5, 4]);
  },

  async 'what an array or a record of promises stands for can be awaited together'(path) {
    const remote = await open(path);
    expect(await Promise.all([remote.value, remote.echo('x'), remote.arrow()])).toEqual([4, 'x', 4]);
    const [first, second] = (await remote.echo(['a', 'b'])) as string[];
    expect([first, second]).toEqual(['a', 'b']);
  },

  async 'an error keeps name, message, stack, code and cause'(path) {
    const remote = await open(path);
    const error = await remote.fail('error').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'CodedError',
      message: 'broken',
      code: 'E_TEST',
      cause: { message: 'deeper' },
    });
    expect((error as Error).stack).toContain('objects.ts');
    await expect(remote.fail('rejection')).rejects.toMatchObject({ message: 'rejected', code: 'E_TEST' });
  },

  async 'what is thrown and is no error arrives as it is, and a function as an error that says so'(path) {
    const remote = await open(path);
    await expect(remote.fail('object')).rejects.toEqual({ test: true });
    await expect(remote.fail('text')).rejects.toBe('oops');
    await expect(remote.fail('null')).rejects.toBe(null);
    await expect(remote.fail('function')).rejects.toMatchObject({ name: 'Thrown', message: '[Function (anonymous)]' });
    expect(await remote.value).toBe(4);
  },

  async 'a class makes an instance, with arguments or without, which stays where it is'(path) {
    const { sample } = await openSample(path);
    expect(await sample.method()).toBe(4);
    expect(await sample.counter).toBe(1);
    expect(await (await openSample(path, 23)).sample.counter).toBe(23);
    const remote = await open(path);
    const inner = await new remote.Sample(7);
    await inner.increaseCounter();
    await inner.increaseCounter(5);
    expect(await inner.counter).toBe(13);
    expect(await inner.secretLength).toBe(4);
  },

  async 'an instance has promises, methods that wait and methods that throw'(path) {
    const { sample } = await openSample(path);
    expect(await sample._promise).toBe(4);
    expect(await sample.promise).toBe(4);
    expect(await sample.later()).toBe(4);
    await expect(sample.throwsAnError()).rejects.toThrow('OMG');
  },

  async 'a class has static members'(path) {
    const { Class } = await openSample(path);
    expect(await Class.SOME_NUMBER).toBe(4);
    expect(await Class.add(1, 3)).toBe(4);
  },

  async 'a method that was bound is the method'(path) {
    const { sample } = await openSample(path);
    const method = sample.increaseCounter.bind(sample);
    await method();
    expect(await sample.counter).toBe(2);
  },

  async 'values are copies, in both directions, and typed arrays and dates as well'(path) {
    const remote = await open(path);
    const bytes = new Uint8Array([1, 2, 3]);
    const sent = { bytes, at: new Date(5), set: new Set([1]) };
    const received = (await remote.echo(sent)) as typeof sent;
    expect(received).toEqual(sent);
    expect(received.bytes).not.toBe(bytes);
    received.bytes[0] = 9;
    expect(bytes[0]).toBe(1);
    // Neither end is bound by what the other does with its copy.
    const numbers = [3, 1, 2];
    expect(await remote.sorted(numbers)).toEqual([1, 2, 3]);
    expect(numbers).toEqual([3, 1, 2]);
    const items = (await remote.addItem('two')) as string[];
    items.push('mine');
    expect(await remote.addItem('three')).toEqual(['one', 'two', 'three']);
  },

  async 'a result that is marked stays where it is, also when a method of an instance returns it'(path) {
    const remote = await open(path);
    const sample = await remote.makeSample(3);
    await sample.increaseCounter();
    expect(await sample.counter).toBe(4);
    expect(await remote.counters()).toEqual([4]);
    const tally = await (await openSample(path)).sample.tally();
    expect(await tally.counter).toBe(0);
    await tally.inc();
    expect(await tally.counter).toBe(1);
  },

  async 'a marked property stays where it is, and another is copied'(path) {
    // biome-ignore lint/suspicious/noExplicitAny: comlink's types have a promise where a value is assigned
    const remote = (await open(path)) as any;
    const copied = await remote.copied;
    const kept = await remote.kept;
    copied.v = 8;
    kept.v = 9;
    expect([await remote.copied.v, await kept.v, await remote.kept.v]).toEqual([4, 9, 9]);
  },

  async 'an argument that is marked stays here and is called from there'(path) {
    const remote = await open(path);
    const local = {
      counter: 0,
      inc() {
        this.counter++;
      },
    };
    await remote.increment(proxy(local));
    expect(local.counter).toBe(1);
    const giving = (value: number) => proxy(() => value);
    expect(await remote.sum(giving(1), giving(2), giving(3))).toBe(6);
  },

  async 'an assignment that is marked stays here and is called from there'(path) {
    const remote = await open(path);
    let calls = 0;
    // biome-ignore lint/suspicious/noExplicitAny: comlink's types have a promise where a value is assigned
    (remote as any).onReady = proxy(() => void calls++);
    await remote.callOnReady();
    expect(calls).toBe(1);
  },

  async 'an error that a callback throws reaches the object and through it the caller'(path) {
    const remote = await open(path);
    await remote.keep(
      proxy(() => {
        throw Object.assign(new Error('from here'), { code: 'E_HERE' });
      }),
    );
    await expect(remote.tellKept(1)).rejects.toMatchObject({ message: 'from here', code: 'E_HERE' });
  },

  async 'a proxy that was passed on leads back to the object through who passed it on'(path) {
    const remote = await open(path);
    const other = await open(path);
    await remote.keep(proxy((value: unknown) => 2 * Number(value)));
    const kept = (await remote.returnKept()) as (value: number) => Promise<number>;
    expect(await kept(21)).toBe(42);
    // comlink's types know a proxy as what is proxied by its caller alone.
    await other.keep(remote.echo as never);
    expect(await other.tellKept({ through: 'two' })).toEqual({ through: 'two' });
  },

  async 'transfer handlers that both ends have are used, for arguments and results'(path) {
    const remote = await open(path);
    expect(await remote.isPoint(new Point(1, 2))).toBe(true);
    const point = await remote.point(3, 4);
    expect(point).toBeInstanceOf(Point);
    expect(point).toEqual(new Point(3, 4));
  },

  async 'a proxy can be awaited, and is no promise'(path) {
    const remote = await open(path);
    expect(await (await remote).value).toBe(4);
  },

  async 'a released proxy cannot be used any more, and the object is told'(path) {
    const pid: ObjectPid<Toolbox> = await path.start(toolbox, []);
    const [remote, other] = [wrap(path.near, pid), wrap(path.near, pid)];
    const { arrow } = remote;
    expect([await arrow(), await other.finalized]).toEqual([4, 0]);
    remote[releaseProxy]();
    expect(() => remote.value).toThrow('released');
    await expect(arrow()).rejects.toMatchObject({ code: 'ERR_LIMINAL_CALL', reason: 'released' });
    await eventually(async () => (await other.finalized) === 1);
  },

  async 'another endpoint is another wrap, and a message port is refused'(path) {
    const pid = await path.start(toolbox, []);
    const remote = wrap(path.near, pid);
    // biome-ignore lint/suspicious/noExplicitAny: comlink's symbol, which the scheduler does not offer
    const { createEndpoint } = (await import('comlink')) as any;
    // biome-ignore lint/suspicious/noExplicitAny: the same
    await expect((remote as any)[createEndpoint]()).rejects.toThrow('wrap its pid once more');
    const { port1 } = new MessageChannel();
    await expect(remote.echo(port1)).rejects.toMatchObject({ code: 'ERR_LIMINAL_NOT_PORTABLE' });
    port1.close();
    expect(await wrap(path.near, pid).value).toBe(4);
  },

  async 'what cannot be sent fails its call, as argument or result, with the way to it'(path) {
    const remote = await open(path);
    await expect(remote.echo({ on: () => {} })).rejects.toMatchObject({
      code: 'ERR_LIMINAL_NOT_PORTABLE',
      message: expect.stringContaining('message.args[0].on is a function'),
    });
    await expect(remote.unsendable()).rejects.toMatchObject({
      code: 'ERR_LIMINAL_NOT_PORTABLE',
      message: expect.stringContaining('message.result.deep[0].callback is a function'),
    });
    await expect((async () => remote.echo)()).rejects.toMatchObject({ code: 'ERR_LIMINAL_NOT_PORTABLE' });
    await expect(remote.echo(new Sample())).rejects.toMatchObject({ code: 'ERR_LIMINAL_NOT_PORTABLE' });
    expect(await remote.value).toBe(4);
  },
});

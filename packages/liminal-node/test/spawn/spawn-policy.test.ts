/** What a peer can name of a node's disk, and what it may have started. */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineProcess } from '@liminal-node/scheduler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApplicationRoot } from '../../src/spawn/application-root.js';
import { NodeSpawnPolicy, type RemoteSpawn } from '../../src/spawn/spawn-policy.js';

let folder: string;
let root: ApplicationRoot;
const href = (...path: string[]): string => pathToFileURL(join(folder, ...path)).href;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'liminal-root-')));
  for (const path of ['app/jobs', 'app/node_modules/dep', 'app/.git', 'app-two', 'outside']) {
    await mkdir(join(folder, path), { recursive: true });
  }
  const files = [
    'app/worker.js',
    'app/loaded.js',
    'app/jobs/a job.js',
    'app/node_modules/dep/index.js',
    'app/.git/hook.js',
    'app/..odd.js',
    'app-two/worker.js',
    'outside/secret.js',
  ];
  for (const file of files) await writeFile(join(folder, file), '');
  await symlink(join(folder, 'outside'), join(folder, 'app', 'linked'));
  await symlink(join(folder, 'outside', 'secret.js'), join(folder, 'app', 'secret.js'));
  await symlink(join(folder, 'app', 'worker.js'), join(folder, 'app', 'alias.js'));
  await symlink(join(folder, 'app'), join(folder, 'current'));
  root = await ApplicationRoot.find(join(folder, 'current'));
  defineProcess(href('app', 'loaded.js'), 'job', () => {});
  defineProcess(href('app', 'node_modules', 'dep', 'index.js'), 'job', () => {});
  defineProcess(href('outside', 'secret.js'), 'job', () => {});
});
afterAll(() => rm(folder, { recursive: true }));

describe('below the application root, behind whatever link it is', () => {
  test.each([
    ['worker.js', ['app', 'worker.js'], false],
    ['./jobs/../worker.js', ['app', 'worker.js'], false],
    ['jobs/a%20job.js', ['app', 'jobs', 'a job.js'], false],
    ['alias.js', ['app', 'worker.js'], false],
    ['node_modules/dep/index.js', ['app', 'node_modules', 'dep', 'index.js'], true],
    ['.git/hook.js', ['app', '.git', 'hook.js'], true],
    ['..odd.js', ['app', '..odd.js'], true],
  ])('%s is found', async (module, path, isForeign) => {
    expect(await root.locate(module)).toEqual({ href: href(...path), isForeign });
  });

  test.each([
    '../outside/secret.js',
    'jobs/../../outside/secret.js',
    '%2e%2e/outside/secret.js',
    '..%2foutside/secret.js',
    '..\\outside\\secret.js',
    '../app-two/worker.js',
    'linked/secret.js',
    'secret.js',
    'missing.js',
    'jobs',
    '',
    '.',
    '..',
    'worker.js?again',
    'worker.js#again',
    'worker.js/',
    'worker.js%00',
    'worker.js\0',
    '/etc/hostname',
    '//host/worker.js',
    'file:///etc/hostname',
    'node:fs',
    'data:text/javascript,0',
    'https://host/worker.js',
    'c:\\worker.js',
  ])('%j is refused, and why is not told', async (module) => {
    await expect(root.locate(module)).rejects.toMatchObject({
      code: 'ERR_LIMINAL_SPAWN_REFUSED',
      reason: 'outside_root',
      message: `there is no module "${module}" below the application root of the node`,
    });
  });
});

test('the root has to be a folder', async () => {
  for (const path of ['nowhere', 'app/worker.js']) {
    await expect(ApplicationRoot.find(join(folder, path))).rejects.toMatchObject({ option: 'applicationRoot' });
  }
});

describe('what may be started', () => {
  const registered = { module: 'file:///anywhere.js', name: 'job' };
  const codes = {
    spec: { spec: 'job' },
    loaded: { module: 'loaded.js', name: 'job' },
    loadedDependency: { module: 'node_modules/dep/index.js', name: 'job' },
    otherName: { module: 'loaded.js', name: 'other' },
    unloaded: { module: 'worker.js', name: 'job' },
    dependency: { module: 'node_modules/dep/index.js', name: 'other' },
    hidden: { module: '.git/hook.js', name: 'job' },
    outside: { module: '../outside/secret.js', name: 'job' },
  };

  test.each<[RemoteSpawn, (keyof typeof codes)[]]>([
    ['none', []],
    ['registered', ['spec']],
    ['defined', ['spec', 'loaded', 'loadedDependency']],
    ['modules', ['spec', 'loaded', 'loadedDependency', 'otherName', 'unloaded']],
  ])('with %s', async (mode, allowed) => {
    const policy = new NodeSpawnPolicy(mode, root);
    policy.register('job', registered);
    const found: string[] = [];
    for (const [what, code] of Object.entries(codes)) {
      await policy.resolve('process', code).then(
        () => found.push(what),
        (error) => expect(error).toMatchObject({ code: 'ERR_LIMINAL_SPAWN_REFUSED' }),
      );
    }
    expect(found).toEqual(allowed);
  });

  test('a name is registered once, and what is not registered is refused by that name', async () => {
    const policy = new NodeSpawnPolicy('registered', root);
    policy.register('job', registered);
    expect(await policy.resolve('process', { spec: 'job' })).toEqual(registered);
    expect(() => policy.register('job', registered)).toThrow('registered already');
    for (const name of ['', 'x'.repeat(256)]) expect(() => policy.register(name, registered)).toThrow(TypeError);
    await expect(policy.resolve('process', { spec: 'toString' })).rejects.toMatchObject({ reason: 'no_such_spec' });
  });
});

import { describe, expect, test } from 'vitest';
import { defineProcess, defineTask, loadDefinition } from '../src/definition.js';
import { SpawnError } from '../src/errors.js';

const HERE = import.meta.url;
const process = defineProcess(HERE, 'process', () => {});
const task = defineTask(HERE, 'task', (a: number, b: number) => a + b);

const moduleOf = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;

describe('a definition', () => {
  test('is found by its module and name', async () => {
    expect(await loadDefinition('process', HERE, 'process')).toBe(process);
    expect(await loadDefinition('task', HERE, 'task')).toBe(task);
  });

  test('can have the name of one of the other kind', async () => {
    const sameName = defineTask(HERE, 'process', () => {});
    expect(await loadDefinition('task', HERE, 'process')).toBe(sameName);
    expect(await loadDefinition('process', HERE, 'process')).toBe(process);
  });

  test('cannot be made twice under one name', () => {
    expect(() => defineProcess(HERE, 'process', () => {})).toThrow(/twice/);
  });

  test('needs the URL of its module', () => {
    expect(() => defineProcess('/some/path.js', 'process', () => {})).toThrow(/import\.meta\.url/);
  });
});

describe('loading', () => {
  test('imports the module, and says what it misses there', async () => {
    const module = moduleOf('globalThis.loadedByTest = (globalThis.loadedByTest ?? 0) + 1;');
    await expect(loadDefinition('process', module, 'worker')).rejects.toThrow(
      /defineProcess\(import\.meta\.url, 'worker'/,
    );
    await expect(loadDefinition('task', module, 'work')).rejects.toThrow(/defineTask/);
    expect(Reflect.get(globalThis, 'loadedByTest')).toBe(1);
  });

  test('fails with what the module threw as the cause', async () => {
    const loading = loadDefinition('process', moduleOf("throw new Error('broken module')"), 'worker');
    await expect(loading).rejects.toBeInstanceOf(SpawnError);
    await expect(loading).rejects.toMatchObject({ cause: { message: 'broken module' } });
  });
});

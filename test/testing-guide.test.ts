/** The example of the guide to testing: it compiles and passes, and finds the fault that the guide speaks of. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Examples, promisedBy } from './support/examples.js';

let examples: Examples;
beforeAll(() => {
  examples = new Examples('docs/testing.md');
});
afterAll(() => examples[Symbol.dispose]());

describe('the example of docs/testing.md', () => {
  it('compiles, and passes under all its seeds', async () => {
    examples.write('lock.ts');
    examples.write('lock.test.ts');
    expect(examples.compile('lock.ts', 'lock.test.ts')).toEqual([]);
    const { code, stdout, stderr } = await examples.run('lock.test.js');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toEqual(promisedBy(examples.text('lock.test.ts')));
  });

  it('fails without the monitor, and names the seed', async () => {
    const lock = examples.text('lock.ts');
    expect(lock).toContain('self.monitor(message.from);');
    examples.write('lock.ts', lock.replace('self.monitor(message.from);', ''));
    examples.write('lock.test.ts');
    expect(examples.compile('lock.ts', 'lock.test.ts')).toEqual([]);
    const { code, stderr } = await examples.run('lock.test.js');
    expect(code).toBe(1);
    expect(stderr).toMatch(/SeedError: seed \d+ fails \(\d+ of 200 tried\): .*nothing can happen any more/);
    expect(stderr).toMatch(/Repeat it with seeds: \[\d+\]/);
  });
});

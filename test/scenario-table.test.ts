/** The table in docs/testing.md of what shows which scenario and failure: whole, and of files that there are. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const text = readFileSync(new URL('../docs/testing.md', import.meta.url), 'utf8');
const rows = [...text.matchAll(/^\| ([AF]\d[AF\d ]*) \| (.+) \|$/gm)].map(([, ids = '', shown = '']) => ({
  ids: ids.split(' '),
  shown,
}));

it('the table of scenarios and failures has each of them once', () => {
  const all = [
    ...Array.from({ length: 40 }, (_, at) => `A${at + 1}`),
    ...Array.from({ length: 85 }, (_, at) => `F${at + 1}`),
  ];
  expect(rows.flatMap(({ ids }) => ids).sort()).toEqual(all.sort());
});

it('each row of it names test files that there are, or says why not', () => {
  for (const { ids, shown } of rows) {
    const files = [...shown.matchAll(/[\w/-]+\.test\.ts/g)].map(([file]) => file);
    if (files.length === 0) expect(shown, ids.join()).toMatch(/^not/);
    for (const file of files) {
      const [, of = '', rest = ''] = /^([\w-]+)\/(.*)$/.exec(file) ?? [];
      const path = ['scheduler', 'distribution', 'pg', 'channels', 'cluster-sync', 'liminal-node'].includes(of)
        ? `../packages/${of}/test/${rest}`
        : file;
      expect(existsSync(new URL(path, import.meta.url)), `${ids}: ${file}`).toBe(true);
    }
  }
});

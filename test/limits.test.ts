/** What docs/limits.md says that it counts is on the page of metrics of a node. */
import { readFileSync } from 'node:fs';
import { startNode } from 'liminal-node';
import { expect, test } from 'vitest';
import { metricsIn } from './repository/limits.js';
import { COOKIE } from './support/cluster.js';

test('every counter that the page of limits names is on the page of metrics', async () => {
  const text = readFileSync(new URL('../docs/limits.md', import.meta.url), 'utf8');
  await using node = await startNode({ name: 'a@127.0.0.1', cookie: COOKIE, threads: 0, http: '127.0.0.1:0' });
  const page = await (await fetch(`http://${node.http}/metrics`)).text();
  const named = new Set(metricsIn({ path: 'docs/limits.md', text }).map(({ name }) => name));
  expect(named.size).toBeGreaterThan(15);
  expect([...named].filter((name) => !page.includes(`# TYPE ${name} `))).toEqual([]);
});

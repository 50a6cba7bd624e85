/** What a thread of the blocking-work pool runs: one named task. */
import type { BlockingJob } from './blocking-work.js';
import { loadDefinition } from './definition.js';

export default async function run({ module, name, args }: BlockingJob): Promise<unknown> {
  const task = await loadDefinition('task', module, name);
  return task.run(...args);
}

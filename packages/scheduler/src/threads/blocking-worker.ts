/** What a thread of the blocking-work pool runs: one named task. */

import { loadDefinition } from '../definition.js';
import type { BlockingJob } from './blocking-work.js';

export default async function run({ module, name, args }: BlockingJob): Promise<unknown> {
  const task = await loadDefinition('task', module, name);
  return task.run(...args);
}

/** Says on stderr that a listing lacks what blocked threads run. */
import type { Output } from './output.js';

export async function tellSilent(stderr: Output, silent: readonly number[], json: boolean): Promise<void> {
  if (silent.length === 0) return;
  const threads = silent.length === 1 ? `thread ${silent[0]} does` : `threads ${silent.join(', ')} do`;
  const sentence = `${threads} not answer, because a process blocks it: what it runs is missing`;
  await stderr.line(json ? JSON.stringify({ event: 'silent', threads: silent }) : sentence);
}

/** `node idle.mjs node NAME PEERS [SEED]` or `node idle.mjs bare`: has nothing to do, until who forked it ends or disconnects. */
import { Worker } from 'node:worker_threads';

const [kind, name, peers, seed] = process.argv.slice(2);
process.once('disconnect', () => process.exit());

if (kind === 'bare') {
  for (let n = 0; n < 2; n++) new Worker('setInterval(() => {}, 1e9)', { eval: true });
  process.send({});
} else {
  const { startNode } = await import('liminal-node');
  const cookie = 'a cookie of the benchmark';
  const node = await startNode({ name, threads: 2, cookie, seeds: seed === undefined ? [] : [seed] });
  process.send({ listen: node.listen });
  // The one that is measured is told by nobody but its own sessions.
  for await (const _ of node.membership()) if (node.distribution.sessions().length === Number(peers)) break;
}

/**
 * For `start --app`: publishes the numbers from 0 on, for as long as the node takes them, and then prints how
 * many it took, which of them did not go to exactly one node, and how the next one was refused.
 */
import type { LiminalNode } from 'liminal-node';

export default function load(node: LiminalNode): void {
  void publish(node);
}

async function publish(node: LiminalNode): Promise<void> {
  const numbers = node.channel<number>('numbers');
  // Starts when somebody on another node is there to listen.
  while (node.clusterSync.remoteTargets('numbers').length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const elsewhere: number[] = [];
  for (let count = 0; ; count++) {
    try {
      // A flush now and then keeps the load below every bound.
      const { nodes, dropped } = await numbers.publish(count, { flush: count % 100 === 99 });
      if (nodes !== 1 || dropped !== 0) elsewhere.push(count);
    } catch (error) {
      console.log(JSON.stringify({ event: 'published', count, elsewhere, refused: String(error) }));
      return;
    }
  }
}

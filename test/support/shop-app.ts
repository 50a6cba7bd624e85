/**
 * For `start --app`: a supervision tree over two threads, whose dynamic children are as many as the environment asks for, and
 * which breaks as it is told on stdin: `crash` ends the first cart with an error.
 */
import {
  call,
  cast,
  child,
  childTemplate,
  defineServer,
  defineSupervisor,
  type LiminalNode,
  type Pid,
  type ServedBy,
  type ServerPid,
  startChild,
  startSupervisor,
} from 'liminal-node';

const cart = defineServer(import.meta.url, 'cart', {
  init: () => ({ items: 0 }),
  calls: {
    add({ state }, items: number) {
      state.items += items;
      return state.items;
    },
  },
  casts: {
    crash() {
      throw new Error('the cart broke');
    },
  },
});

const carts = defineSupervisor(import.meta.url, 'carts', () => ({
  strategy: 'simple_one_for_one',
  children: [childTemplate(cart, [], { id: 'one of the carts' })],
}));

const shop = defineSupervisor(import.meta.url, 'shop', () => ({
  children: [child(cart, [], { id: 'till', name: 'till', thread: 1 }), child(carts, [], { name: 'carts', thread: 2 })],
}));

export default async function start(node: LiminalNode): Promise<void> {
  const me = node.attach({ label: 'the shop' });
  await startSupervisor(me, shop, [], { name: 'shop', thread: 'home' });
  const supervisor = node.whereis('carts') as Pid;
  const pids: Pid[] = [];
  for (let made = 0; made < Number(process.env['SHOP_CARTS'] ?? 3); made++) {
    pids.push((await startChild(me, supervisor, [])) as Pid);
  }
  const till = node.whereis('till') as ServerPid<ServedBy<typeof cart>>;
  process.stdin.setEncoding('utf8').on('data', (text: string) => {
    for (const word of text.trim().split('\n')) {
      if (word === 'crash') cast(me, pids[0] as Pid, 'crash', []);
      else if (word === 'add') void call(me, till, 'add', [2]);
    }
  });
}

/** Moleculer over its own TCP transporter: events for one way and for subscribers, an action for round trips. */
import moleculer from 'moleculer';

/** Nodes find each other when they gossip: the least that it takes, since nobody does anything before. */
const GOSSIP_S = 1;

/** None: the nodes are told of each other. */
export const startServer = async () => ({ address: '', stop() {} });

export async function open({ role, peers = [] }) {
  const urls = peers.map((peer, number) => `${peer}/receiver-${number}`);
  const broker = new moleculer.ServiceBroker({
    nodeID: role,
    logger: false,
    transporter: { type: 'TCP', options: { udpDiscovery: false, urls, gossipPeriod: GOSSIP_S } },
  });
  const createServices = async (services) => {
    for (const service of services) broker.createService(service);
    await broker.start();
  };
  if (role === 'sender') {
    await broker.start();
    for (let number = 0; number < peers.length; number++) await seen(broker, `receiver-${number}`);
  }
  let sent = 0;
  return {
    get address() {
      return `127.0.0.1:${broker.transit.tx.opts.port}`;
    },
    subscribe: (handlers) =>
      createServices(
        handlers.map((handler, index) => ({
          name: `subscriber-${role}-${index}`,
          events: { bench: { context: true, handler: ({ params }) => handler(params) } },
        })),
      ),
    publish(message) {
      const published = broker.broadcast('bench', message);
      return ++sent % 100 === 0 ? published : undefined;
    },
    answer: (answerTo) => createServices([{ name: 'echo', actions: { ask: ({ params }) => answerTo(params) } }]),
    request: (message) => broker.call('echo.ask', message),
  };
}

/** Resolves when the services of that node are known. */
async function seen(broker, nodeID) {
  while (
    !broker.registry
      .getNodeList({ withServices: true })
      .some(({ id, services }) => id === nodeID && services.length > 1)
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

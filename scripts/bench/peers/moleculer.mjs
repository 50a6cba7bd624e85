/** Moleculer over its own TCP transporter: events for one way and for subscribers, an action for round trips. */
import moleculer from 'moleculer';

/** None: the nodes are told of each other. */
export const startServer = async () => ({ address: '', stop() {} });

export async function open(_address, role, peer) {
  const urls = peer === undefined ? [] : [`${peer}/receiver`];
  const broker = new moleculer.ServiceBroker({
    nodeID: role,
    logger: false,
    transporter: { type: 'TCP', options: { udpDiscovery: false, urls } },
  });
  const createServices = async (services) => {
    for (const service of services) broker.createService(service);
    await broker.start();
  };
  if (role === 'sender') {
    await broker.start();
    await seen(broker, 'receiver');
  }
  let sent = 0;
  return {
    get address() {
      return `127.0.0.1:${broker.transit.tx.opts.port}`;
    },
    subscribe: (handlers) =>
      createServices(
        handlers.map((handler, index) => ({
          name: `subscriber-${index}`,
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

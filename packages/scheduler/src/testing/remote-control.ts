/**
 * Control calls between home and a simulated thread, as comlink makes them over a message port: arguments and
 * results are clones, requests arrive in order, and so do answers.
 */
import type { Remote } from 'comlink';
import type { Lane } from './agenda.js';
import { SimulatedPort } from './simulated-port.js';

type Methods = Readonly<Record<string, (...args: unknown[]) => unknown>>;

/**
 * @param requests steps of the thread that answers.
 * @param answers steps of the thread that asks.
 */
export function remoteControl<T>(target: () => T, requests: Lane, answers: Lane): Remote<T> {
  const call = (method: string, args: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const given = cloned(args);
      requests.push(() => {
        answerOf(target() as Methods, method, given).then(
          (value) => answers.push(() => resolve(value)),
          (error: unknown) => answers.push(() => reject(error)),
        );
      });
    });
  const proxy = new Proxy(
    {},
    {
      get:
        (_, method) =>
        (...args: unknown[]) =>
          call(String(method), args),
    },
  );
  return proxy as Remote<T>;
}

async function answerOf(target: Methods, method: string, args: unknown[]): Promise<unknown> {
  return cloned(await target[method]?.(...args));
}

/** A port is transferred, not cloned. */
function cloned<T>(value: T): T {
  if (Array.isArray(value)) {
    return value.map((each) => (each instanceof SimulatedPort ? each : structuredClone(each))) as T;
  }
  return structuredClone(value);
}

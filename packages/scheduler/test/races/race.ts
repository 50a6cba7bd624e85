/** What the races have in common. A race is a scenario for the test kit: it throws where a rule is broken. */
import type { DownMessage, ExitMessage, Self } from '@liminal-node/scheduler';
import type { Simulation, SimulationOptions } from '@liminal-node/scheduler/testing';

/** The scheduler under test, which may be one with a fault planted in it. */
export type Api = typeof import('@liminal-node/scheduler');

export interface Race {
  readonly options?: SimulationOptions;
  readonly run: (simulation: Simulation, api: Api) => Promise<void>;
}

export type Place = number | 'home';

/** A whole number below `count`. */
export function draw({ random }: Simulation, count: number): number {
  return Math.floor(random() * count);
}

/** One of `all`. */
export function anyOf<T>(simulation: Simulation, ...all: readonly T[]): T {
  return all[draw(simulation, all.length)] as T;
}

/** Home or one of two threads. */
export function anywhere(simulation: Simulation): Place {
  return anyOf<Place>(simulation, 'home', 1, 2);
}

/** Lets others go on, for so many ms. */
export async function pause(self: Self, ms = 0): Promise<void> {
  await self.receive({ timeoutMs: ms, match: (_message): _message is never => false }).catch(() => {});
}

/** Takes what is in the mailbox. */
export async function drain(self: Self): Promise<unknown[]> {
  const messages: unknown[] = [];
  for (;;) {
    try {
      messages.push(await self.receive({ timeoutMs: 0 }));
    } catch {
      return messages;
    }
  }
}

export type Signalled = ExitMessage | DownMessage;

export function check(holds: boolean, what: string, ...found: readonly unknown[]): void {
  if (!holds) throw new Error([what, ...found.map((each) => JSON.stringify(each))].join(' '));
}

/** Whether a reason is that of a lost thread. */
export function isThreadDown(reason: unknown): boolean {
  return typeof reason === 'object' && reason !== null && 'threadDown' in reason;
}

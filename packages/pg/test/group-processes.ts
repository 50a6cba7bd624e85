/** Processes that use groups on scheduler threads, as they are told. They answer `{ order, value }` to `replyTo`. */
import { type GroupMessage, groupsOf, isGroupMessage } from '@liminal-node/pg';
import { defineProcess, type Pid, type Ref } from '@liminal-node/scheduler';

export type GroupOrder =
  | readonly ['join' | 'leave', groups: string | readonly string[], pid?: Pid]
  | readonly ['members' | 'localMembers' | 'monitor', group: string]
  | readonly ['whichGroups' | 'whichLocalGroups' | 'monitorScope']
  | readonly ['demonitor', ref: Ref]
  /** The next so many changes of its monitors. */
  | readonly ['changes', count: number]
  /** How many messages of monitors wait in the mailbox. */
  | readonly ['waiting'];

export interface Ordered {
  readonly order: GroupOrder;
  readonly replyTo: Pid;
}

function isOrdered(message: unknown): message is Ordered {
  return typeof message === 'object' && message !== null && 'order' in message;
}

export const groupProcess = defineProcess(import.meta.url, 'groupProcess', async (self, scope: string) => {
  const groups = groupsOf(self, scope);
  const perform = async (order: GroupOrder): Promise<unknown> => {
    switch (order[0]) {
      case 'join':
      case 'leave':
        return groups[order[0]](order[1], order[2]);
      case 'members':
      case 'localMembers':
      case 'monitor':
        return groups[order[0]](order[1]);
      case 'demonitor':
        return groups.demonitor(order[1]);
      case 'changes': {
        const changes: GroupMessage[] = [];
        while (changes.length < order[1]) changes.push(await self.receive({ match: isGroupMessage }));
        return changes;
      }
      case 'waiting': {
        let waiting = 0;
        while (
          await self.receive({ match: isGroupMessage, timeoutMs: 0 }).then(
            () => true,
            () => false,
          )
        ) {
          waiting++;
        }
        return waiting;
      }
      default:
        return groups[order[0]]();
    }
  };
  for (;;) {
    const { order, replyTo } = await self.receive({ match: isOrdered });
    try {
      self.send(replyTo, { value: await perform(order) });
    } catch (error) {
      self.send(replyTo, { error: error instanceof Error && 'code' in error ? error.code : String(error) });
    }
  }
});

/** Monitors the scope and handles what comes, unlike `groupProcess`, at once; tells all that it was told at `send`. */
export const listener = defineProcess(import.meta.url, 'listener', async (self, scope: string, replyTo: Pid) => {
  const { groups } = await groupsOf(self, scope).monitorScope();
  self.send(replyTo, { groups });
  const heard: unknown[] = [];
  for await (const message of self.messages<GroupMessage>()) {
    heard.push(message);
    if (message.type !== 'end' && message.group === 'the end') self.send(replyTo, { heard });
  }
});

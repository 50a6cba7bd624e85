/**
 * Scenario A24. One token goes round the threads of a node, so that every hop finds the thread at the other end working, looking or
 * at rest, and a wake-up that is lost would leave all of them at rest for ever. `TOKEN_HOPS` says how many hops.
 */
import { type Pid, Scheduler } from '@liminal-node/scheduler';
import { expect, test } from 'vitest';
import { type Token, tokenPlayer } from '../fixtures/token-player.js';

const hops = Number(process.env['TOKEN_HOPS'] ?? 20_000);
const deadlineMs = 60_000 + 2 * hops;

test(`a token makes ${hops} hops between threads that rest at any moment, and none is lost`, {
  timeout: 2 * deadlineMs,
}, async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const scheduler = await Scheduler.start({ threads: 2 });
  const referee = scheduler.attach({ label: 'referee' });
  try {
    const places = ['home', ...scheduler.threads, ...scheduler.threads] as const;
    const players: Pid<never>[] = [];
    for (const thread of places)
      players.push(await scheduler.spawn(tokenPlayer, [referee.pid as Pid<string>], { thread }));
    for (const player of players) scheduler.send(player, players as never);
    const token: Token = { left: hops, random: seed };
    scheduler.send(players[0] as Pid<Token>, token);
    await expect(referee.receive({ timeoutMs: deadlineMs }), `seed ${seed}`).resolves.toBe('done');
  } finally {
    await scheduler.stop();
  }
});

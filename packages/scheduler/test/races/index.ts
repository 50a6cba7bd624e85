/** All races, by what each shows. */
import { behaviours } from './behaviours.js';
import { bonds } from './bonds.js';
import { lostThreads } from './lost-threads.js';
import { messages } from './messages.js';
import type { Race } from './race.js';
import { registrations } from './registrations.js';
import { spawns } from './spawns.js';

export const races: Readonly<Record<string, Race>> = {
  ...bonds,
  ...spawns,
  ...registrations,
  ...messages,
  ...behaviours,
  ...lostThreads,
};

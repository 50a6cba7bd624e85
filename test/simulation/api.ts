/** The packages under test, as they were built: plain, or all of them anew with a fault planted in one file. */
import { register } from 'node:module';
import type * as channels from '@liminal-node/channels';
import type * as sync from '@liminal-node/cluster-sync';
import type * as distribution from '@liminal-node/distribution';
import type * as pg from '@liminal-node/pg';
import type * as scheduler from '@liminal-node/scheduler';
import type * as threads from '../../packages/scheduler/dist/testing/simulated-threads.js';

export interface Api {
  readonly scheduler: typeof scheduler;
  readonly threads: typeof threads;
  readonly distribution: typeof distribution;
  readonly pg: typeof pg;
  readonly channels: typeof channels;
  readonly sync: typeof sync;
}

/** An edit in a built file, `package/path.js` below its `dist`; see `mutant-loader.mjs`. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Loads the packages. With edits, copies of their own, which live for as long as the OS process. */
export async function loadApi(edits?: readonly Edit[]): Promise<Api> {
  const query = edits === undefined ? '' : `?mutant=${encodeURIComponent(JSON.stringify(edits))}`;
  if (edits !== undefined) registerLoader();
  const load = async <T>(name: string, file = ''): Promise<T> => {
    const url = import.meta.resolve(`@liminal-node/${name}`);
    return (await import(/* @vite-ignore */ `${file === '' ? url : new URL(file, url).href}${query}`)) as T;
  };
  return {
    scheduler: await load('scheduler'),
    threads: await load('scheduler', 'testing/simulated-threads.js'),
    distribution: await load('distribution'),
    pg: await load('pg'),
    channels: await load('channels'),
    sync: await load('cluster-sync'),
  };
}

let isRegistered = false;

function registerLoader(): void {
  if (!isRegistered) register('./mutant-loader.mjs', import.meta.url);
  isRegistered = true;
}

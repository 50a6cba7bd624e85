/** The entry of a worker thread that is a scheduler thread. */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { systemEnvironment } from '../environment.js';
import { type Way, WayPort } from './mesh-port.js';
import type { News } from './news.js';
import { startSchedulerThread } from './scheduler-thread.js';
import type { HomeControl, ThreadSettings } from './thread-control.js';

const settings = workerData as ThreadSettings<Way>;
const home = comlink.wrap<HomeControl>(nodeEndpoint(settings.home));
const control = startSchedulerThread(settings, systemEnvironment, home, (way) => new WayPort(way, true), catchUp);
comlink.expose(control, nodeEndpoint(settings.control));

let heard = 0;

function hear(news: News<Way>): void {
  heard++;
  control.hear(news);
}
settings.news.on('message', hear);

/** Takes in the news that the event loop has not delivered yet. */
function catchUp(): void {
  if (Atomics.load(settings.newsTold, 0) === heard) return;
  for (let next = receiveMessageOnPort(settings.news); next !== undefined; next = receiveMessageOnPort(settings.news)) {
    hear(next.message);
  }
}

/** The entry of a worker thread that is a scheduler thread. */
import { type MessagePort, workerData } from 'node:worker_threads';
import * as comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { systemEnvironment } from './environment.js';
import { meshPort } from './mesh-port.js';
import { startSchedulerThread } from './scheduler-thread.js';
import type { HomeControl, ThreadSettings } from './thread-control.js';

const settings = workerData as ThreadSettings<MessagePort>;
const home = comlink.wrap<HomeControl>(nodeEndpoint(settings.home));
const control = startSchedulerThread(settings, systemEnvironment, home, (port) => meshPort(port, true));
comlink.expose(control, nodeEndpoint(settings.control));

/**
 * For `node --import`: modules in TypeScript load, in scheduler threads as well. `--import tsx` alone does
 * nothing in a worker thread of Node 20.
 */
import { register } from 'tsx/esm/api';

register();

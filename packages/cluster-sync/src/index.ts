/** The bridge that makes the channels of one node those of the cluster. */
export {
  CHANNELS_SCOPE,
  ClusterSync,
  type ClusterSyncCounters,
  connectChannels,
  type GroupsPort,
  type SessionsPort,
} from './cluster-sync.js';

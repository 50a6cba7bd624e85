export { type Address, canonicalAddress, formatAddress, parseAddress } from './address.js';
export type { ByReason, DistributionCounters } from './counters.js';
export { type Discovered, hasNone } from './discovery.js';
export { type Distribution, startDistribution } from './distribution.js';
export { ListenError, MembershipOverflowError } from './errors.js';
export { FrameType, isOptional } from './frame-type.js';
export type { GrowingBody, GrowingFrame } from './growing-frame.js';
export {
  HEARTBEAT_PROFILES,
  type HeartbeatFigures,
  type HeartbeatProfile,
  heartbeatFigures,
  isHeartbeatProfile,
} from './heartbeat-profile.js';
export type { KnownPeer } from './known-peers.js';
export type { MembershipEvent, MembershipStage } from './membership.js';
export { netTransport } from './net-transport.js';
export { DEFAULTS, type DistributionOptions, type DistributionSettings } from './options.js';
export { connectSignals } from './remote-signals.js';
export type { Resolver, Service } from './resolver.js';
export type { DataTraffic, Lane, PendingSend, SendOutcome, Session } from './session.js';
export { TlsError, type TlsFiles } from './tls-files.js';
export { createTlsTransport } from './tls-transport.js';
export type { Connection, ConnectionHandlers, Listener, Transport } from './transport.js';

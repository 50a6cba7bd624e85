/** Publish and subscribe, on one node or, with `cluster-sync`, on all. */
export { Channel, type ChannelOptions, type ProcessSubscription } from './channel.js';
export { Channels, type ChannelsCounters, type Published } from './channels.js';
export { type Envelope, type EnvelopeHead, isEnvelope, MAX_CHANNEL_BYTES } from './envelope.js';
export * from './errors.js';
export { encodeLoss, type Gap, type Loss, type LossReason } from './loss.js';
export type { AcknowledgeOptions, ClusterObserver, Publication, RemoteReceipt, RemoteTarget } from './observer.js';
export type { ChannelsOptions } from './options.js';
export { channelOf, type ProcessChannel, type ProcessSubscribeOptions } from './process-channel.js';
export { decodePublication, encodePublication, MAX_PARENTS } from './publication.js';
export { type BlockCarrier, MAX_BLOCK_BYTES, PublicationBlock, publicationsIn } from './publication-block.js';
export type { PublishOptions, Receipt } from './receipt.js';
export type { WaitingPublish } from './room.js';
export type { PayloadSchema } from './schema.js';
export { type ClusterSubscribeOptions, type SubscribeOptions, Subscription } from './subscription.js';

/** What an application needs to test its own processes. */
export * from '@liminal-node/scheduler/testing';

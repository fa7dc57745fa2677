/** Ringwire's queue: many processes of one host, bounded memory, at-least-once delivery that survives any crash. */
export { Claim } from "./claim.ts";
export type { MessageCodec, MessageSchema } from "./codec.ts";
export { DeadLetter } from "./dead_letter.ts";
export * from "./errors.ts";
export { HEADER } from "./headers.ts";
export { Job } from "./job.ts";
export { Message, type MessageInit } from "./message.ts";
export { LIMITS } from "./option_checks.ts";
export type * from "./options.ts";
export {
  listQueues,
  parsePlace,
  type QueueListing,
  type QueuePlace,
} from "./place.ts";
export { CrossProcessQueue, type EmptyReason } from "./queue.ts";
export type { Sendable } from "./sender.ts";
export type * from "./status.ts";
export { type BackOff, retryDelayMs } from "./work/back_off.ts";
export {
  type BatchWorkHandler,
  runBatchWorkLoop,
  runWorkLoop,
  type WorkHandler,
} from "./work/loop.ts";
export type * from "./work/options.ts";
export type * from "./work/outcome.ts";

/** Ringwire's queue: many processes of one host, bounded memory, at-least-once delivery that survives any crash. */
export { CrossProcessQueue } from "./queue.ts";
export type { Claim, Sendable } from "./queue.ts";
export { Message } from "./message.ts";
export type { MessageInit } from "./message.ts";
export { Job } from "./job.ts";
export type { DeadLetter } from "./dead_letters.ts";
export { listQueues } from "./place.ts";
export type { QueueListing } from "./place.ts";
export { HEADER } from "./headers.ts";
export type { MessageCodec, MessageSchema } from "./codec.ts";
export type * from "./options.ts";
export type * from "./status.ts";
export * from "./errors.ts";

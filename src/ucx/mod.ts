/** OpenUCX for Bun and Deno. */
export type { UcxAddress } from "./address.ts";
export type { MessageData } from "./core/buffers.ts";
export type { AcceptHook, ConnectionRequest } from "./core/accepting.ts";
export type { UcxSetting } from "./configuration.ts";
export type { CloseInfo, EndpointState } from "./core/endpoint.ts";
export * from "./errors.ts";
export { UcxListener } from "./listener.ts";
export { type EndpointStats, WorkerStats } from "./statistics.ts";
export { StreamChunk } from "./streams/stream_chunk.ts";
export {
  type StreamReceiveOptions,
  WorkerStreams,
} from "./streams/worker_streams.ts";
export { UcxWorker } from "./worker.ts";
export { ThreadMode, type WorkerConfig } from "./worker_config.ts";
export type * from "./worker_types.ts";

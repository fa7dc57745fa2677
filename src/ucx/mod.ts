/** OpenUCX for Bun and Deno. */
export type { UcxAddress } from "./address.ts";
export type { MessageData } from "./core/buffers.ts";
export type { AcceptHook, ConnectionRequest } from "./core/accepting.ts";
export type { UcxSetting } from "./configuration.ts";
export type { CloseInfo, EndpointState } from "./core/endpoint.ts";
export {
  AsyncMessage,
  type OutgoingMessage,
  type SendData,
} from "./async/message.ts";
export { AsyncUcxManager, type ManagerEvents } from "./async/manager.ts";
export type { AsyncManagerConfig } from "./async/manager_config.ts";
export {
  AsyncUcxClient,
  type ReceiveOptions as UcxReceiveOptions,
  type RequestOptions as UcxRequestOptions,
} from "./async/client.ts";
export type { BurstOptions } from "./async/burst.ts";
export {
  AsyncUcxServer,
  type ConnectionHandler,
  type ServerEvents,
  type ServerOptions,
  type ServerStats,
} from "./async/server.ts";
export type { WaitOptions as UcxWaitOptions } from "./async/wait_limits.ts";
export type { CloseInfo } from "./core/endpoint.ts";
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

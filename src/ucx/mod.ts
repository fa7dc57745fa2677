/** OpenUCX for Bun and Deno. */
export { ActiveMessage } from "./active_messages/active_message.ts";
export type {
  ActiveMessageHandler,
  ActiveMessageOptions,
  ActiveMessageSendOptions,
} from "./active_messages/active_messages.ts";
export { WorkerActiveMessages } from "./active_messages/worker_active_messages.ts";
export type { UcxAddress } from "./address.ts";
export type { MemoryType, MessageData, NativeMemory } from "./core/buffers.ts";
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
  ConnectionMonitor,
  type ConnectionMonitorOptions,
  type MonitorEvents,
} from "./async/connection_monitor.ts";
export {
  type ClientLease,
  type ConnectionPoolOptions,
  type ConnectionPoolStats,
  UcxConnectionPool,
} from "./async/connection_pool.ts";
export {
  type LatencySummary,
  type MetricsSnapshot,
  PerformanceMetrics,
} from "./async/performance_metrics.ts";
export {
  MessagePriority,
  type PriorityCounts,
  PrioritySender,
  type PrioritySenderOptions,
} from "./async/priority_sender.ts";
export { type RetryOptions, sendWithRetry } from "./async/retry.ts";
export {
  AsyncUcxServer,
  type ConnectionHandler,
  type ServerEvents,
  type ServerOptions,
  type ServerStats,
} from "./async/server.ts";
export type { WaitOptions as UcxWaitOptions } from "./async/wait_limits.ts";
export { UcxEndpoint } from "./endpoint.ts";
export * from "./errors.ts";
export { UcxListener } from "./listener.ts";
export { type MemoryOptions, UcxMemory } from "./memory/registered_memory.ts";
export { RemoteAtomics } from "./memory/remote_atomics.ts";
export { UcxRemoteMemory, WorkerMemory } from "./memory/worker_memory.ts";
export { type EndpointStats, WorkerStats } from "./statistics.ts";
export { StreamChunk } from "./streams/stream_chunk.ts";
export {
  type StreamReceiveOptions,
  WorkerStreams,
} from "./streams/worker_streams.ts";
export { UcxRequest } from "./tag_request.ts";
export { UcxWorker } from "./worker.ts";
export { ThreadMode, type WorkerConfig } from "./worker_config.ts";
export type * from "./worker_types.ts";

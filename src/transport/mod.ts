/** One server and one client over many protocols: sessions, messages, requests, rooms; the same over each. */
export type {
  CloseKind,
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionStart,
  ConnectionStatistics,
  ConnectOptions,
  Listener,
  ListenerStatistics,
  ListenOptions,
  ProtocolAdapter,
  StreamOptions,
  UpgradeInfo,
} from "./adapter.ts";
export type { Address, AddressForm } from "./address.ts";
export * from "./errors.ts";
export { httpIngress } from "./ingress/http/http_ingress.ts";
export {
  TextSession,
  type TextSessionOptions,
} from "./ingress/text_session.ts";
export {
  type IngressHost,
  type IngressProtocol,
  NotAdmittedError,
} from "./ingress.ts";
export {
  type IncomingMessage,
  type IncomingMessage as Packet,
  type IncomingRequest,
  type JsonValue,
  type MessageBody,
  type MessageOptions,
  type Priority,
  Reply,
  type RequestOptions,
  type SendOptions,
} from "./message.ts";
export { createDefaultRegistry } from "./protocols/builtin.ts";
export { ProtocolRegistry, type Route } from "./registry.ts";
export type {
  MessageListener,
  RequestListener,
  Session,
  SessionEnd,
  SessionState,
  SessionStatistics,
} from "./session.ts";
export type {
  PeerCertificate,
  PemSource,
  TlsClientOptions,
  TlsIdentityOptions,
  TlsInfo,
  TlsServerOptions,
  TlsVersion,
} from "./tls_options.ts";
export type {
  CodecOptions,
  CompressionName,
  CompressionOptions,
  HeartbeatOptions,
  LimitOptions,
} from "./end_options.ts";
export * from "./session_errors.ts";
export { TransportClientBuilder } from "./client/builder.ts";
export { TransportClient } from "./client/client.ts";
export {
  OfflineBufferFullError,
  ReconnectFailedError,
} from "./client/errors.ts";
export type {
  ClientConnected,
  ClientDisconnected,
  ClientDrop,
  ClientEvents,
  ClientFault,
  ClientGap,
  ClientReconnecting,
} from "./client/events.ts";
export type { OfflineBufferOptions } from "./client/offline_buffer.ts";
export type {
  ClientOptions,
  Credentials,
  ReconnectOptions,
} from "./client/options.ts";
export type { ClientStatistics } from "./client/statistics.ts";
export type { BroadcastOptions, BroadcastResult } from "./server/broadcast.ts";
export { TransportServerBuilder } from "./server/builder.ts";
export { ConnectionLimitError } from "./server/capacity.ts";
export type {
  DroppedMessages,
  RefusedConnection,
  ServerEvents,
  ServerFault,
  ServerGap,
  SlowConsumer,
} from "./server/events.ts";
export type { DrainResult } from "./server/front_door.ts";
export { UnknownSessionError } from "./server/hub.ts";
export type {
  AuthAttempt,
  AuthDecision,
  Authenticator,
  ListenPlace,
  ResumeOptions,
  ServerOptions,
  SlowConsumerOptions,
} from "./server/options.ts";
export { type DrainOptions, TransportServer } from "./server/server.ts";
export type { ServerStatistics } from "./server/statistics.ts";

/** Byte streams between processes and machines, the same over every protocol. */
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
export {
  type IngressHost,
  type IngressProtocol,
  NotAdmittedError,
} from "./ingress.ts";
export {
  type IncomingMessage,
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
export * from "./session_errors.ts";

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
} from "./adapter.ts";
export type { Address, AddressForm } from "./address.ts";
export * from "./errors.ts";
export { ProtocolRegistry, type Route } from "./registry.ts";
export type {
  PeerCertificate,
  PemSource,
  TlsClientOptions,
  TlsIdentityOptions,
  TlsInfo,
  TlsServerOptions,
  TlsVersion,
} from "./tls_options.ts";

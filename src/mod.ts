/** Ringwire: a messaging toolkit for Bun and Deno. */
export { RingwireError, type RingwireErrorInit } from "./base/errors.ts";
export { setWarningSink, type WarningSink } from "./base/warnings.ts";
export * from "./queue/mod.ts";
export * from "./transport/mod.ts";
export * from "./ucx/mod.ts";
// Names that more than one room has: here each has one meaning, the others have longer names.
export type {
  ConnectOptions,
  Priority,
  RequestOptions,
  SendOptions,
} from "./queue/mod.ts";
export type {
  ConnectionHandler,
  ServerEvents,
  ServerOptions,
} from "./ucx/mod.ts";
export type {
  ConnectionHandler as StreamHandler,
  ConnectOptions as StreamConnectOptions,
  RequestOptions as TransportRequestOptions,
  SendOptions as TransportSendOptions,
  ServerEvents as TransportServerEvents,
  ServerOptions as TransportServerOptions,
} from "./transport/mod.ts";

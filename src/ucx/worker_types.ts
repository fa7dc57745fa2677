/** What the calls of a worker take and give. */
import type { AcceptHook } from "./core/accepting.ts";
import type { UcxSetting } from "./configuration.ts";
import type { CloseInfo, EndpointState } from "./core/endpoint.ts";

/** What an endpoint is called; unique in the worker's life. */
export type EndpointId = number;

/** How long a blocking call may take. */
export interface BlockingOptions {
  /** Milliseconds; 0 only looks. @default the worker's timeoutMs */
  readonly timeoutMs?: number | undefined;
}

/** How a message is sent. */
export interface TagSendOptions extends BlockingOptions {
  /** Whether it is done only when the receiver has taken the message. @default false */
  readonly sync?: boolean | undefined;
}

/** Which messages are meant. */
export interface TagProbeOptions {
  /** Bits of the tag that must be equal. @default all */
  readonly mask?: bigint | undefined;
}

/** Which message a receive takes, and how long it may wait. */
export interface TagReceiveOptions extends BlockingOptions, TagProbeOptions {}

/** Which message is received into a buffer of its own, and how long that may take. */
export interface TagMessageOptions extends TagReceiveOptions {
  /** Bytes of the longest message that is received. @default the worker's bufferSize */
  readonly maxBytes?: number | undefined;
}

/** What a tagged message is, without its data. */
export interface TagMessageInfo {
  readonly byteLength: number;
  /** A bigint in raw mode. */
  readonly tag: number | bigint;
  /** Who sent it; undefined in raw mode, where nothing tells. */
  readonly endpointId: EndpointId | undefined;
}

/** A tagged message. */
export interface TagMessage extends TagMessageInfo {
  readonly data: Uint8Array<ArrayBuffer>;
}

/** How a listener treats who wants to connect. */
export interface ListenerOptions {
  /** Asked about each; false refuses, and so does throwing. @default accepts all */
  readonly accept?: AcceptHook | undefined;
}

/** What a worker says about itself. */
export interface WorkerInfo {
  /** UCX's version, e.g. `1.13.1`. */
  readonly version: string;
  /** The library that was opened. */
  readonly libraryPath: string;
  /** Whether receives go by the shim (`libringwire-shm.so`); without it they take twice as long. */
  readonly usesShim: boolean;
  /** What UCX prints of the worker: protocols and transports in use. */
  readonly description: string;
  /** Keys of UCX that do not have UCX's own default, and who set them; of one that is there twice, the last counts. */
  readonly settings: readonly UcxSetting[];
}

/** What is known of a connection. */
export interface EndpointInfo {
  readonly endpointId: EndpointId;
  readonly state: EndpointState;
  /** `host:port`; empty for one by worker address. */
  readonly remoteAddress: string;
  /** Whether we connected. */
  readonly initiated: boolean;
  /** The name of the peer's worker. */
  readonly peerName: string;
  /** Transports and devices in use, e.g. `tcp/eth0`, `posix/memory`; empty when it is closed. */
  readonly transports: readonly string[];
  /** Everything that UCX says of it. */
  readonly description: string;
}

/** What a worker tells while it is progressed. */
export interface WorkerEvents {
  /** A connection is open, of our making or accepted. */
  readonly open: EndpointId;
  /** A connection has ended; once for each that was open. */
  readonly close: CloseInfo;
  /** Something went wrong that no call tells: a hook that threw, a greeting of another version. */
  readonly error: Error;
}

/** What the calls of a worker take and give. */
import type { AcceptHook } from "./core/accepting.ts";
import type { CloseInfo } from "./core/endpoint.ts";

/** What an endpoint is called; unique in the worker's life. */
export type EndpointId = number;

/** How long a blocking call may take. */
export interface BlockingOptions {
  /** Milliseconds; 0 only looks. @default the worker's timeoutMs */
  readonly timeoutMs?: number | undefined;
}

/** Which message a receive takes, and how long it may wait. */
export interface TagReceiveOptions extends BlockingOptions {
  /** Bits of the tag that must be equal. @default all */
  readonly mask?: bigint | undefined;
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
  /** What UCX prints of the worker: protocols and transports in use. */
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

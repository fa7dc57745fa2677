/** What tagged messages need of the rest of a worker, and who else may take them. */
import type { Handle } from "../../../ffi/host.ts";
import type { Counters } from "../statistics.ts";
import type { Endpoint } from "./endpoint.ts";
import type { NativeWorker } from "./native_worker.ts";
import type { Requests } from "./requests.ts";
import type { Spill } from "./spill.ts";
import type { TagCreditContext } from "./tag_credit.ts";

/** `UCS_ERR_UNSUPPORTED`. */
export const unsupportedStatus = -22;
/** `UCS_ERR_CONNECTION_RESET`. */
export const resetStatus = -25;
/** `UCS_ERR_NO_RESOURCE`: UCX's answer when an operation that must be done at once cannot. */
export const notAtOnce = -2;

/** What `take` gives when there is no message. */
export const noMessage = -1;
/** What `take` gives when a message is being received: `begun` is the operation. */
export const messageBegun = -2;

/** A message that was taken out of UCX's matching, and has to be received. */
export interface ProbedMessage {
  readonly handle: Handle;
  readonly bytes: number;
  readonly tagUpper: number;
  readonly tagLower: number;
}

/** What it needs of the worker. */
export interface TagMessagesContext extends TagCreditContext {
  readonly native: NativeWorker;
  readonly requests: Requests;
  readonly spill: Spill;
  /** Counts what belongs to no connection: all that is received in raw mode. */
  readonly unattributed: Counters;
  /** The connection that we call `wireId`, also when it is closed and not let go. */
  endpointOf(wireId: number): Endpoint | undefined;
  /** Closes a connection whose peer keeps more unread than may be kept. */
  overflow(endpoint: Endpoint): void;
  /** A message of a closed connection was received: it may have been the last. */
  forgetIfEmpty(endpoint: Endpoint): void;
}

/** Takes all messages out of UCX as they come, and hands them out itself: the asynchronous level. */
export interface TagDispatcher {
  /** The peer waits for credit, and nothing was received since it got the last. */
  onStarved(endpoint: Endpoint): void;
  /** Whether it keeps a message of a connection that nobody has received. */
  hasUnread(endpoint: Endpoint): boolean;
  /** A connection is let go: its messages are to be thrown away. */
  forget(endpoint: Endpoint): void;
}

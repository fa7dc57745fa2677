/** One request that UCX works on. */
import type { Handle } from "../../../ffi/host.ts";
import type { UcxError } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";

/** How UCX is asked whether a request is done; `local` ones are no requests of UCX. */
export type OperationKind = "plain" | "tagReceive" | "local";

/** `UCS_INPROGRESS`. */
export const inProgress = 1;
/** `UCS_ERR_MESSAGE_TRUNCATED`. */
export const truncatedStatus = -9;
/** `UCS_ERR_CANCELED`. */
export const canceledStatus = -16;

/** A request, and what must stay in memory until it is done. */
export class Operation {
  /** 0 when UCX has finished with it. */
  request: Handle;
  readonly kind: OperationKind;
  /** Memory that UCX reads or writes meanwhile. */
  keep: unknown;
  /** `ucs_status_t`; 1 while it goes on. */
  status = inProgress;
  /** Bytes received. */
  bytes = 0;
  /** Upper and lower half of the sender's tag, of a received message. */
  tagUpper = 0;
  tagLower = 0;
  /** Of a receive that waits for one connection alone. */
  endpoint: Endpoint | undefined;
  /** Whether it is counted among the receives that wait. */
  waits = false;
  /** Of a local one: whether UCX has it by now. */
  handed = false;
  /** Whether it was asked to give up. */
  canceled = false;
  /** Whether it only keeps a message aside, or throws it away. */
  aside = false;
  /** The connection that a received message came by; undefined in raw mode, and of one that is gone. */
  sender: Endpoint | undefined;
  /** Why it failed, when UCX's status does not tell. */
  failure: UcxError | undefined;
  /** Of a local one: called when it is given up. */
  onCancel: (() => void) | undefined;
  /** Called once when it is done, not from within UCX. */
  onDone: ((operation: Operation) => void) | undefined;
  /** Its place among the requests that are looked at. */
  index = -1;

  constructor(kind: OperationKind, request: Handle, keep: unknown) {
    this.kind = kind;
    this.request = request;
    this.keep = keep;
  }

  get isDone(): boolean {
    return this.status !== inProgress;
  }
}

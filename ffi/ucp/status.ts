/** `ucs_status_t` of `ucs/type/status.h`, and what a `ucs_status_ptr_t` may hold. */
import type { Handle } from "../host.ts";

/** Each status: its number, and the text that `ucs_status_string` gives for it. */
const statuses = {
  UCS_OK: [0, "Success"],
  UCS_INPROGRESS: [1, "Operation in progress"],
  UCS_ERR_NO_MESSAGE: [-1, "No pending message"],
  UCS_ERR_NO_RESOURCE: [
    -2,
    "No resources are available to initiate the operation",
  ],
  UCS_ERR_IO_ERROR: [-3, "Input/output error"],
  UCS_ERR_NO_MEMORY: [-4, "Out of memory"],
  UCS_ERR_INVALID_PARAM: [-5, "Invalid parameter"],
  UCS_ERR_UNREACHABLE: [-6, "Destination is unreachable"],
  UCS_ERR_INVALID_ADDR: [-7, "Address not valid"],
  UCS_ERR_NOT_IMPLEMENTED: [-8, "Function not implemented"],
  UCS_ERR_MESSAGE_TRUNCATED: [-9, "Message truncated"],
  UCS_ERR_NO_PROGRESS: [-10, "No progress"],
  UCS_ERR_BUFFER_TOO_SMALL: [-11, "Provided buffer is too small"],
  UCS_ERR_NO_ELEM: [-12, "No such element"],
  UCS_ERR_SOME_CONNECTS_FAILED: [
    -13,
    "Failed to connect some of the requested endpoints",
  ],
  UCS_ERR_NO_DEVICE: [-14, "No such device"],
  UCS_ERR_BUSY: [-15, "Device is busy"],
  UCS_ERR_CANCELED: [-16, "Request canceled"],
  UCS_ERR_SHMEM_SEGMENT: [-17, "Shared memory error"],
  UCS_ERR_ALREADY_EXISTS: [-18, "Element already exists"],
  UCS_ERR_OUT_OF_RANGE: [-19, "Index out of range"],
  UCS_ERR_TIMED_OUT: [-20, "Operation timed out"],
  UCS_ERR_EXCEEDS_LIMIT: [-21, "User-defined limit was reached"],
  UCS_ERR_UNSUPPORTED: [-22, "Unsupported operation"],
  UCS_ERR_REJECTED: [-23, "Operation rejected by remote peer"],
  UCS_ERR_NOT_CONNECTED: [-24, "Endpoint is not connected"],
  UCS_ERR_CONNECTION_RESET: [-25, "Connection reset by remote peer"],
  UCS_ERR_FIRST_LINK_FAILURE: [-40, "First link failure"],
  UCS_ERR_LAST_LINK_FAILURE: [-59, "Last link failure"],
  UCS_ERR_FIRST_ENDPOINT_FAILURE: [-60, "First endpoint failure"],
  UCS_ERR_ENDPOINT_TIMEOUT: [-80, "Endpoint timeout"],
  UCS_ERR_LAST_ENDPOINT_FAILURE: [-89, "Last endpoint failure"],
  UCS_ERR_LAST: [-100, "Last error"],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

/** The C name of a status. */
export type UcsStatusName = keyof typeof statuses;

/** A status that this table knows. */
export interface UcsStatus {
  readonly name: UcsStatusName;
  /** -100 to 1. */
  readonly code: number;
  /** UCX's own text; of the limits of a group, which are never returned, ours. */
  readonly text: string;
}

/** Every status, in the order of the header. */
export const ucsStatuses: readonly UcsStatus[] = Object.entries(statuses).map(
  ([name, [code, text]]) => ({ name: name as UcsStatusName, code, text }),
);

/** The numbers by their C names: `UCS.UCS_ERR_CANCELED` is -16. */
export const UCS = Object.fromEntries(
  ucsStatuses.map(({ name, code }) => [name, code]),
) as {
  readonly [Name in UcsStatusName]: (typeof statuses)[Name][0];
};

const byCode = new Map(ucsStatuses.map((status) => [status.code, status]));

/** The status with this number, or undefined. */
export function findStatus(code: number): UcsStatus | undefined {
  return byCode.get(code);
}

/** For messages: `Request canceled (UCS_ERR_CANCELED)`, or `Unknown error -33` as UCX says it. */
export function describeStatus(code: number): string {
  const status = byCode.get(code);
  return status === undefined
    ? `Unknown error ${code}`
    : `${status.text} (${status.name})`;
}

/** `UCS_PTR_IS_PTR`: the operation goes on, and this is its request. */
export function isRequest(result: Handle): boolean {
  return result > 0;
}

/** `UCS_PTR_STATUS`: 1 (`UCS_INPROGRESS`) for a request, else 0 or the error. */
export function statusOf(result: Handle): number {
  return result > 0 ? 1 : Number(result);
}

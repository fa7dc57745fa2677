/** Turns UCX statuses into errors. */
import { describeStatus } from "../../ffi/ucp/status.ts";
import {
  UcxAddressInUseError,
  UcxCanceledError,
  UcxConnectionResetError,
  UcxError,
  type UcxErrorInit,
  UcxInvalidParameterError,
  UcxLimitError,
  UcxNoResourceError,
  UcxNotConnectedError,
  UcxRejectedError,
  UcxTimeoutError,
  UcxUnreachableError,
  UcxUnsupportedError,
} from "./errors.ts";

type ErrorClass = new (message: string, init?: UcxErrorInit) => UcxError;

/** By `ucs_status_t`; truncation is not here, since its error tells sizes. */
const classes: ReadonlyMap<number, ErrorClass> = new Map<number, ErrorClass>([
  [-2, UcxNoResourceError],
  [-3, UcxConnectionResetError],
  [-4, UcxNoResourceError],
  [-5, UcxInvalidParameterError],
  [-6, UcxUnreachableError],
  [-7, UcxInvalidParameterError],
  [-8, UcxUnsupportedError],
  [-14, UcxUnreachableError],
  [-15, UcxAddressInUseError],
  [-16, UcxCanceledError],
  [-17, UcxNoResourceError],
  [-19, UcxInvalidParameterError],
  [-20, UcxTimeoutError],
  [-21, UcxLimitError],
  [-22, UcxUnsupportedError],
  [-23, UcxRejectedError],
  [-24, UcxNotConnectedError],
  [-25, UcxConnectionResetError],
  // UCS_ERR_ENDPOINT_TIMEOUT: what a peer leaves behind that was killed.
  [-80, UcxConnectionResetError],
]);

function classOf(status: number): ErrorClass {
  // UCS_ERR_FIRST_LINK_FAILURE to UCS_ERR_LAST_LINK_FAILURE and the same of endpoints.
  if (status <= -40 && status >= -89 && !classes.has(status))
    return UcxConnectionResetError;
  return classes.get(status) ?? UcxError;
}

/**
 * The error of a status.
 *
 * @param what the call or event, for the message
 * @param status negative
 */
export function statusError(
  what: string,
  status: number,
  endpointId?: number,
): UcxError {
  return new (classOf(status))(`${what}: ${describeStatus(status)}`, {
    status,
    endpointId,
  });
}

/** @throws the error of a status that is not UCS_OK */
export function checkStatus(status: number, what: string): void {
  if (status !== 0) throw statusError(what, status);
}

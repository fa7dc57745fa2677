/** Why a call for tagged messages has failed. */
import type { Endpoint, TagMatch } from "./core/endpoint.ts";
import {
  canceledStatus,
  inProgress,
  type Operation,
} from "./core/operation.ts";
import {
  type UcxError,
  UcxNotConnectedError,
  UcxTimeoutError,
} from "./errors.ts";
import { statusError } from "./status_errors.ts";

/** Why a send has not been done. */
export function sendError(
  operation: Operation,
  call: string,
  endpoint: Endpoint,
): UcxError | undefined {
  if (operation.status === 0) return undefined;
  if (operation.status === inProgress)
    return new UcxTimeoutError(
      `endpoint ${endpoint.id}: the receiver has not taken the message in time; its data is still in use`,
      { endpointId: endpoint.id },
    );
  return (
    operation.failure ??
    endpoint.failure ??
    statusError(call, operation.status, endpoint.id)
  );
}

/** Why a receive has got no message. */
export function noMessageError(match: TagMatch, timeoutMs: number): UcxError {
  const { endpoint } = match;
  const endpointId = endpoint?.id;
  if (endpoint?.state === "closed")
    return (
      endpoint.failure ??
      new UcxNotConnectedError(
        `endpoint ${endpointId} is closed, and no such message of it is left`,
        { endpointId },
      )
    );
  return new UcxTimeoutError(`no such message within ${timeoutMs} ms`, {
    endpointId,
  });
}

/** Why a receive has failed. */
export function receiveError(
  operation: Operation,
  endpoint: Endpoint | undefined,
): UcxError {
  if (operation.failure !== undefined) return operation.failure;
  if (operation.status === canceledStatus && endpoint?.state === "closed")
    return (
      endpoint.failure ??
      new UcxNotConnectedError(
        `endpoint ${endpoint.id} was closed before such a message came`,
        { endpointId: endpoint.id },
      )
    );
  return statusError(
    "receiveTag",
    operation.status,
    endpoint?.id ?? operation.sender?.id,
  );
}

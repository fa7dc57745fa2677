/** What operations and connections failed with. */
import { type UcxError, UcxNotConnectedError } from "../errors.ts";
import { statusError } from "../status_errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Operation } from "./operation.ts";

/** Why nothing can be sent to a connection that is not open. */
export function notSendable(endpoint: Endpoint): UcxError {
  return (
    endpoint.failure ??
    new UcxNotConnectedError(
      `endpoint ${endpoint.id} is ${endpoint.state === "left" ? "being closed by its peer" : endpoint.state}`,
      { endpointId: endpoint.id },
    )
  );
}

/** @throws what an operation failed with */
export function checkOperation(operation: Operation, what: string): void {
  if (operation.status !== 0)
    throw (
      operation.failure ??
      operation.endpoint?.failure ??
      statusError(what, operation.status, operation.endpoint?.id)
    );
}

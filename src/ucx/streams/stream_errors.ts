/** What a stream's operation failed with. */
import type { Operation } from "../core/operation.ts";
import { statusError } from "../status_errors.ts";

/** @throws what an operation failed with */
export function checkStreamOperation(operation: Operation, what: string): void {
  if (operation.status !== 0)
    throw (
      operation.failure ??
      statusError(what, operation.status, operation.endpoint?.id)
    );
}

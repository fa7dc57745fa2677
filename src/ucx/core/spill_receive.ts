/** Receiving a message that was kept aside. */
import { UcxTruncatedError, UcxUnsupportedError } from "../errors.ts";
import { NativeData } from "./buffers.ts";
import type { TagMatch } from "./endpoint.ts";
import { Operation, truncatedStatus } from "./operation.ts";
import type { SpilledMessage } from "./spill.ts";
import { resetStatus, unsupportedStatus } from "./tag_context.ts";

/** Copies a message that was kept aside, now or when it has come. One that is too long stays. */
export function receiveSpilled(
  spilled: SpilledMessage,
  match: TagMatch,
  buffer: Uint8Array | NativeData,
  onTaken: (spilled: SpilledMessage) => void,
): Operation {
  const operation = new Operation("local", 0, buffer);
  const { bytes } = spilled;
  operation.endpoint = match.endpoint;
  operation.sender = spilled.endpoint;
  operation.bytes = bytes.length;
  operation.tagUpper = spilled.tagUpper;
  operation.tagLower = spilled.tagLower;
  if (bytes.length > buffer.byteLength) {
    operation.failure = new UcxTruncatedError(bytes.length, buffer.byteLength, {
      kept: true,
      status: truncatedStatus,
      endpointId: match.endpoint?.id,
    });
    operation.status = truncatedStatus;
    return operation;
  }
  if (buffer instanceof NativeData) {
    operation.failure = new UcxUnsupportedError(
      "receiveTag: the message was kept aside, receive it into a Uint8Array",
      { endpointId: match.endpoint?.id },
    );
    operation.status = unsupportedStatus;
    return operation;
  }
  const finish = (): void => {
    operation.keep = undefined;
    operation.status = spilled.failed ? resetStatus : 0;
    if (spilled.failed) return;
    buffer.set(bytes);
    onTaken(spilled);
  };
  if (spilled.ready) {
    finish();
    return operation;
  }
  // Given up meanwhile, it is found again, at its place.
  operation.onCancel = () => {
    spilled.onReady = undefined;
  };
  spilled.onReady = () => {
    finish();
    operation.onDone?.(operation);
  };
  return operation;
}

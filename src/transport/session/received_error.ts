/** What the other side's error frames say, as errors. */
import { decodeErrorBody } from "../../wire/error_body.ts";
import {
  NoResponderError,
  noResponderCode,
  RemoteError,
} from "../session_errors.ts";

/** What an error frame says. @throws {WireError} for a body that is refused */
export function receivedError(body: Uint8Array): Error {
  const said = decodeErrorBody(body);
  if (said.code === noResponderCode) return new NoResponderError(said.message);
  let details: unknown;
  if (said.details !== undefined) {
    try {
      details = JSON.parse(said.details);
    } catch {
      details = said.details;
    }
  }
  return new RemoteError(said.code, said.message, {
    retryable: said.retryable,
    retryAfterMs: said.retryAfterMs,
    details,
  });
}

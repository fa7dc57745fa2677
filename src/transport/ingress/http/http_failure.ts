/** What went wrong, as an answer of HTTP. */
import { CloseCode } from "../../../wire/close_codes.ts";
import { WireError, WireTooLargeError } from "../../../wire/errors.ts";
import { TimedOutError } from "../../errors.ts";
import { NotAdmittedError } from "../../ingress.ts";
import { NoResponderError, RemoteError } from "../../session_errors.ts";
import { failureOf } from "../text_form.ts";
import { HeaderValueError } from "./http_message.ts";

/** A refusal of HTTP's own. */
export class HttpRefusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** An answer that says what went wrong, as JSON on one line. */
export function refusalResponse(
  status: number,
  error: {
    readonly code: string;
    readonly message: string;
    readonly retryable: boolean;
    readonly retryAfterMs?: number | undefined;
  },
): Response {
  const { retryAfterMs = 1000 } = error;
  const headers: Record<string, string> = {
    "content-type": "application/json",
  };
  if (status === 503 || status === 429)
    headers["retry-after"] = String(Math.ceil(retryAfterMs / 1000));
  if (status === 401) headers["www-authenticate"] = "Bearer";
  return new Response(`${JSON.stringify({ error })}\n`, { status, headers });
}

function statusOfAdmission(closeCode: number): number {
  switch (closeCode) {
    case CloseCode.Unauthorized:
      return 401;
    case CloseCode.TooManyConnections:
    case CloseCode.TryAgainLater:
    case CloseCode.GoingAway:
    case CloseCode.ServiceRestart:
      return 503;
    case CloseCode.InternalError:
      return 500;
    default:
      return 403;
  }
}

/** The answer for something that was thrown. */
export function failureResponse(error: unknown): Response {
  if (error instanceof HttpRefusal) {
    const { status, code, message } = error;
    return refusalResponse(status, {
      code,
      message,
      retryable: status === 503,
    });
  }
  if (error instanceof NotAdmittedError) {
    const { code, message } = error;
    const status = statusOfAdmission(error.closeCode);
    return refusalResponse(status, {
      code,
      message,
      retryable: status === 503,
    });
  }
  if (error instanceof HeaderValueError)
    return refusalResponse(400, {
      code: "BadHeader",
      message: error.message,
      retryable: false,
    });
  if (error instanceof RemoteError)
    return refusalResponse(error.retryable ? 503 : 502, failureOf(error));
  if (error instanceof NoResponderError)
    return refusalResponse(404, failureOf(error));
  if (error instanceof TimedOutError)
    return refusalResponse(504, {
      code: error.code,
      message: error.message,
      retryable: true,
    });
  if (error instanceof WireError) {
    const { code, message } = error;
    const status = error instanceof WireTooLargeError ? 413 : 400;
    return refusalResponse(status, { code, message, retryable: false });
  }
  return refusalResponse(500, failureOf(error));
}

/** What can go wrong between two applications, one class for each condition that a caller would catch. */
import { CloseCode } from "../wire/close_codes.ts";
import { WireError, type WireErrorInit } from "../wire/errors.ts";
import { TransportError, type TransportErrorInit } from "./errors.ts";

/** The session is over, or is ending and takes nothing new. */
export class SessionClosedError extends TransportError {
  /** A `CloseCode`: why it is over. */
  readonly closeCode: number;

  constructor(
    message: string,
    closeCode: number,
    init: TransportErrorInit & { readonly code?: string } = {},
  ) {
    super(message, { ...init, code: init.code ?? "SessionClosed" });
    this.closeCode = closeCode;
  }
}

/** Too many messages wait to be sent; this one was not taken. */
export class SendQueueFullError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "SendQueueFull", retryable: true });
  }
}

/** The session is over, and nobody here knows whether the other side got this, and did what was asked. */
export class FateUnknownError extends SessionClosedError {
  constructor(
    message: string,
    closeCode: number,
    init: TransportErrorInit = {},
  ) {
    super(message, closeCode, { ...init, code: "FateUnknown" });
  }
}

/** Nobody on the other side answers requests, or requests of that kind. */
export class NoResponderError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: noResponderCode });
  }
}

/** The code of an error frame that becomes a {@linkcode NoResponderError}. */
export const noResponderCode = "NoResponder";

/** What an error of an application is made of. */
export interface RemoteErrorInit extends TransportErrorInit {
  /** Whether the same request may succeed later. @default false */
  readonly retryable?: boolean;
  /** Not to be tried again before. @default none */
  readonly retryAfterMs?: number | undefined;
  /** More, as JSON says it; at most 256 bytes of it. @default none */
  readonly details?: unknown;
}

/** What the other side's handler says. A handler throws one to tell its requester more than that it failed. */
export class RemoteError extends TransportError {
  readonly retryAfterMs: number | undefined;
  readonly details: unknown;

  /** @param code stable name of the condition, at most 64 bytes */
  constructor(code: string, message: string, init: RemoteErrorInit = {}) {
    super(message, { ...init, code });
    this.retryAfterMs = init.retryAfterMs;
    this.details = init.details;
  }
}

/** More came than there was credit for. */
export class CreditExceededError extends WireError {
  constructor(message: string, init: WireErrorInit = {}) {
    super(message, {
      ...init,
      code: "CreditExceeded",
      closeCode: CloseCode.CreditExceeded,
    });
  }
}

/** What a client alone can run into. */
import { TransportError, type TransportErrorInit } from "../errors.ts";

/** There is no connection, and no room to keep the message until there is one. */
export class OfflineBufferFullError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "OfflineBufferFull", retryable: true });
  }
}

/** The client has tried to connect as often as it was told to, or must not try again. The cause is why it failed the last time. */
export class ReconnectFailedError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "ReconnectFailed" });
  }
}

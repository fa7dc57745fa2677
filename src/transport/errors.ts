/** What can go wrong between two ends, one class for each condition that a caller would catch. */
import { RingwireError } from "../base/errors.ts";

/** What a transport error is made of. */
export interface TransportErrorInit {
  /** The failure underneath. */
  readonly cause?: unknown;
  /** The address that it is about, as a URL. */
  readonly address?: string | undefined;
  /** What the system called it, e.g. `"ECONNREFUSED"`, when it said so. */
  readonly systemCode?: string | undefined;
}

type CodedInit = TransportErrorInit & {
  readonly code?: string;
  readonly retryable?: boolean;
};

/** Root of all errors of this room. */
export class TransportError extends RingwireError {
  /** The address that it is about, as a URL, when it is about one. */
  readonly address: string | undefined;
  /** What the system called it, when it said so. */
  readonly systemCode: string | undefined;

  constructor(message: string, init: CodedInit = {}) {
    super(message, {
      code: init.code ?? "Transport",
      retryable: init.retryable ?? false,
      cause: init.cause,
    });
    this.address = init.address;
    this.systemCode = init.systemCode;
  }
}

/** An address that cannot be read. The message says what was given and what is allowed. */
export class InvalidAddressError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "InvalidAddress" });
  }
}

/** No adapter is registered for the scheme of an address. */
export class UnknownSchemeError extends TransportError {
  /** The scheme that was given. */
  readonly scheme: string;
  /** Schemes that are registered, aliases included. */
  readonly knownSchemes: readonly string[];

  constructor(
    scheme: string,
    knownSchemes: readonly string[],
    init: TransportErrorInit = {},
  ) {
    super(
      `no protocol for the scheme "${scheme}"; known: ${knownSchemes.join(", ") || "none"}`,
      { ...init, code: "UnknownScheme" },
    );
    this.scheme = scheme;
    this.knownSchemes = knownSchemes;
  }
}

/** A scheme is registered already. */
export class SchemeTakenError extends TransportError {
  constructor(scheme: string) {
    super(`the scheme "${scheme}" is registered already`, {
      code: "SchemeTaken",
    });
  }
}

/** This runtime, or this protocol, cannot do what was asked for. */
export class UnsupportedFeatureError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "UnsupportedFeature" });
  }
}

/** Nobody listens there. */
export class ConnectionRefusedError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "ConnectionRefused", retryable: true });
  }
}

/** There is no way to that host or network. */
export class HostUnreachableError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "HostUnreachable", retryable: true });
  }
}

/** The name of the host has no address. */
export class NameNotFoundError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "NameNotFound", retryable: true });
  }
}

/** Somebody listens at that address already, or it is a file that is no socket. */
export class AddressInUseError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "AddressInUse" });
  }
}

/** This machine does not have that address. */
export class AddressNotAvailableError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "AddressNotAvailable" });
  }
}

/** The path of a unix socket leads nowhere: a directory is missing, or is a file. */
export class PathNotFoundError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "PathNotFound" });
  }
}

/** The path of a unix socket is longer than the system takes (107 bytes in Linux). */
export class PathTooLongError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "PathTooLong" });
  }
}

/** The system does not let this process do it. */
export class PermissionDeniedError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "PermissionDenied" });
  }
}

/** The process may not open any more files. */
export class TooManyOpenFilesError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "TooManyOpenFiles", retryable: true });
  }
}

/** The connection broke: the peer died, reset it, or the way to it failed. */
export class ConnectionResetError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "ConnectionReset", retryable: true });
  }
}

/** The time was over first. */
export class TimedOutError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "TimedOut", retryable: true });
  }
}

/** The peer has sent what the protocol below (WebSocket) does not allow. */
export class ProtocolViolationError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "ProtocolViolation" });
  }
}

/** The server did not make a WebSocket of the connection. */
export class UpgradeRefusedError extends TransportError {
  /** HTTP's; undefined when the answer was no HTTP. */
  readonly status: number | undefined;

  constructor(
    message: string,
    status: number | undefined,
    init: TransportErrorInit = {},
  ) {
    const retryable = status === 429 || status === 503;
    super(message, { ...init, code: "UpgradeRefused", retryable });
    this.status = status;
  }
}

/** The connection or listener is closed, or is closing. */
export class ConnectionClosedError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "ConnectionClosed" });
  }
}

/** The two ends found no way to speak TLS: versions, ciphers, protocols, or one of them does not speak it at all. */
export class TlsHandshakeError extends TransportError {
  constructor(message: string, init: CodedInit = {}) {
    super(message, { ...init, code: init.code ?? "TlsHandshake" });
  }
}

/** A certificate that is not accepted: the peer's, or (as the peer says) ours. See the subclasses for the usual reasons. */
export class TlsCertificateError extends TlsHandshakeError {
  constructor(message: string, init: CodedInit = {}) {
    super(message, { ...init, code: init.code ?? "TlsCertificate" });
  }
}

/** The peer's certificate is for other names. */
export class TlsWrongHostError extends TlsCertificateError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "TlsWrongHost" });
  }
}

/** The peer's certificate comes from no authority that is trusted here. */
export class TlsUnknownAuthorityError extends TlsCertificateError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "TlsUnknownAuthority" });
  }
}

/** The peer's certificate is not valid any more, or not yet. */
export class TlsExpiredError extends TlsCertificateError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "TlsExpired" });
  }
}

/** A key, certificate or authority that was given cannot be read or used. */
export class TlsMaterialError extends TransportError {
  constructor(message: string, init: TransportErrorInit = {}) {
    super(message, { ...init, code: "TlsMaterial" });
  }
}

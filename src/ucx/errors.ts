/** What can go wrong in UCX, one class for each condition that a caller would catch. */
import { RingwireError } from "../base/errors.ts";

/** What a UCX error is made of. */
export interface UcxErrorInit {
  /** The failure underneath. */
  readonly cause?: unknown;
  /** `ucs_status_t` behind it (negative), when there is one. */
  readonly status?: number | undefined;
  /** The endpoint that it is about, when it is about one. */
  readonly endpointId?: number | undefined;
}

type CodedInit = UcxErrorInit & {
  readonly code?: string;
  readonly retryable?: boolean;
};

/** Root of all errors of this room. */
export class UcxError extends RingwireError {
  /** `ucs_status_t` (negative), when UCX gave one. */
  readonly status: number | undefined;
  /** The endpoint's id, when the error is about one. */
  readonly endpointId: number | undefined;

  constructor(message: string, init: CodedInit = {}) {
    super(message, {
      code: init.code ?? "Ucx",
      retryable: init.retryable ?? false,
      cause: init.cause,
    });
    this.status = init.status;
    this.endpointId = init.endpointId;
  }
}

/** No libucp was found, or none of a version that fits. Install the package libucx0. */
export class UcxUnavailableError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxUnavailable" });
  }
}

/** Nobody can be reached at that address. */
export class UcxUnreachableError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxUnreachable", retryable: true });
  }
}

/** The time was over first. What was waited for has not happened, and was taken back where that is possible. */
export class UcxTimeoutError extends UcxError {
  /** Of a stream: bytes that were sent before. */
  readonly bytesDone: number | undefined;

  constructor(
    message: string,
    init: UcxErrorInit & { readonly bytesDone?: number } = {},
  ) {
    super(message, { ...init, code: "UcxTimeout", retryable: true });
    this.bytesDone = init.bytesDone;
  }
}

/** The connection is lost: the peer died, or closed while something was on its way. */
export class UcxConnectionResetError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxConnectionReset", retryable: true });
  }
}

/** The listening side refused the connection. */
export class UcxRejectedError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxRejected" });
  }
}

/** Another worker serves the connection. The clients of this library go there by themselves. */
export class UcxRedirectedError extends UcxError {
  /** The other worker's address. */
  readonly workerAddress: Uint8Array;

  constructor(workerAddress: Uint8Array, endpointId: number) {
    super("another worker serves the connection", {
      endpointId,
      code: "UcxRedirected",
    });
    this.workerAddress = workerAddress;
  }
}

/** The peer speaks another version of the handshake, or none at all: see `raw`. */
export class UcxIncompatibleError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxIncompatible" });
  }
}

/** There is no such endpoint, or it is not open. */
export class UcxNotConnectedError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxNotConnected" });
  }
}

/** A client that is connected cannot connect again before its connection has ended. */
export class UcxAlreadyConnectedError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxAlreadyConnected" });
  }
}

/** The worker, context or listener was closed. */
export class UcxClosedError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxClosed" });
  }
}

/** The operation was taken back, by `cancel` or by closing. */
export class UcxCanceledError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxCanceled" });
  }
}

/** The message is longer than the buffer. */
export class UcxTruncatedError extends UcxError {
  /** Bytes of the message. */
  readonly messageBytes: number;
  /** Bytes that the buffer holds. */
  readonly bufferBytes: number;

  constructor(
    messageBytes: number,
    bufferBytes: number,
    init: UcxErrorInit & {
      /** Whether the message can still be received with a larger buffer. */
      readonly kept?: boolean;
    } = {},
  ) {
    super(
      `a message of ${messageBytes} bytes does not fit into a buffer of ${bufferBytes} bytes${init.kept === true ? "; it can still be received with a larger one" : ""}`,
      { ...init, code: "UcxTruncated" },
    );
    this.messageBytes = messageBytes;
    this.bufferBytes = bufferBytes;
  }
}

/** Memory, descriptors or another resource of the machine is used up. */
export class UcxNoResourceError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxNoResource", retryable: true });
  }
}

/** A limit of UCX or of the configuration would be exceeded. */
export class UcxLimitError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxLimit" });
  }
}

/** UCX refuses what it was given. */
export class UcxInvalidParameterError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxInvalidParameter" });
  }
}

/** This UCX, or the transport in use, cannot do it. */
export class UcxUnsupportedError extends UcxError {
  constructor(message: string, init: CodedInit = {}) {
    super(message, { code: "UcxUnsupported", ...init });
  }
}

/** The worker was made without what the call needs (`enableTag`, `enableStream`, `enableRma` …). */
export class UcxFeatureDisabledError extends UcxUnsupportedError {
  constructor(call: string, option: string) {
    super(`${call} needs a worker with ${option}: true`, {
      code: "UcxFeatureDisabled",
    });
  }
}

/** Somebody listens at that address and port already. */
export class UcxAddressInUseError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxAddressInUse", retryable: true });
  }
}

/** It is no address of this machine, or the process may not listen there. */
export class UcxAddressUnavailableError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxAddressUnavailable" });
  }
}

/** Nobody knows a host of that name. */
export class UcxUnknownHostError extends UcxError {
  constructor(
    message: string,
    init: UcxErrorInit & {
      /** Whether the name service may know more later. */
      readonly retryable?: boolean;
    } = {},
  ) {
    super(message, { ...init, code: "UcxUnknownHost" });
  }
}

/** More unexpected messages than may be kept; the connection was closed because of it. */
export class UcxUnexpectedOverflowError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxUnexpectedOverflow" });
  }
}

/** The key to remote memory is damaged, of another version, or of another peer than the one it is used with. */
export class UcxInvalidKeyError extends UcxError {
  constructor(message: string, init: UcxErrorInit = {}) {
    super(message, { ...init, code: "UcxInvalidKey" });
  }
}

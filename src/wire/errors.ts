/** What can be wrong with bytes from the other side, one class for each condition that a caller would catch. */
import { RingwireError } from "../base/errors.ts";
import { CloseCode } from "./close_codes.ts";

/** What an error of the wire is made of. */
export interface WireErrorInit {
  /** The failure underneath. */
  readonly cause?: unknown;
}

type CodedInit = WireErrorInit & {
  readonly code: string;
  readonly closeCode: CloseCode;
};

/** Root of all errors of this room. The connection cannot go on after one: it is closed with {@linkcode closeCode}. */
export class WireError extends RingwireError {
  /** What the goodbye says. */
  readonly closeCode: CloseCode;

  constructor(message: string, init: CodedInit) {
    super(message, { code: init.code, cause: init.cause });
    this.closeCode = init.closeCode;
  }
}

/** Bytes that the protocol does not allow: a length that cannot be, fields that contradict each other, a body that is cut short. */
export class WireMalformedError extends WireError {
  constructor(message: string, init: WireErrorInit = {}) {
    super(message, {
      ...init,
      code: "WireMalformed",
      closeCode: CloseCode.ProtocolError,
    });
  }
}

/** A version that this side does not speak. */
export class WireVersionError extends WireError {
  constructor(message: string, init: WireErrorInit = {}) {
    super(message, {
      ...init,
      code: "WireVersion",
      closeCode: CloseCode.VersionUnsupported,
    });
  }
}

/** A kind of frame, a flag, a content type or a compression that this side does not have. */
export class WireUnsupportedError extends WireError {
  constructor(message: string, init: WireErrorInit = {}) {
    super(message, {
      ...init,
      code: "WireUnsupported",
      closeCode: CloseCode.Unsupported,
    });
  }
}

/** More than a limit allows. Nothing was allocated for it. */
export class WireTooLargeError extends WireError {
  /** What was declared or found, in the unit of the limit. */
  readonly given: number;
  /** What is allowed. */
  readonly allowed: number;

  constructor(
    what: string,
    given: number,
    allowed: number,
    init: WireErrorInit = {},
  ) {
    super(`${what}: given ${given}, allowed at most ${allowed}`, {
      ...init,
      code: "WireTooLarge",
      closeCode: CloseCode.TooLarge,
    });
    this.given = given;
    this.allowed = allowed;
  }
}

/** A payload that is not what it says to be: broken compression, JSON or MessagePack. Other messages are not concerned. */
export class WirePayloadError extends WireError {
  constructor(message: string, init: WireErrorInit = {}) {
    super(message, {
      ...init,
      code: "WirePayload",
      closeCode: CloseCode.InvalidPayload,
    });
  }
}

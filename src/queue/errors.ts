/** What can happen to a shared-memory queue, one class for each condition that a caller would catch. */
import { RingwireError } from "../base/errors.ts";

/** What a queue error is made of. */
export interface SharedMemoryErrorInit {
  /** The failure underneath. */
  readonly cause?: unknown;
  /** Name or place of the queue. */
  readonly queue?: string | undefined;
  /** Positive operating-system error number behind it, when there is one. */
  readonly errno?: number | undefined;
}

/** Root of all errors of this room. */
export class SharedMemoryError extends RingwireError {
  /** Name or place of the queue, when known. */
  readonly queue: string | undefined;
  /** Operating-system error number (positive), when there is one. */
  readonly errno: number | undefined;

  constructor(
    message: string,
    init: SharedMemoryErrorInit & {
      readonly code?: string;
      readonly retryable?: boolean;
    } = {},
  ) {
    super(message, {
      code: init.code ?? "SharedMemory",
      retryable: init.retryable ?? false,
      cause: init.cause,
    });
    this.queue = init.queue;
    this.errno = init.errno;
  }
}

type Init = SharedMemoryErrorInit & {
  readonly code?: string;
  readonly retryable?: boolean;
};

/** A queue could not be created. */
export class CreationFailedError extends SharedMemoryError {
  constructor(message: string, init: Init = {}) {
    super(message, { code: "CreationFailed", ...init });
  }
}

/** `create` found the name taken. */
export class QueueExistsError extends CreationFailedError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "QueueExists" });
  }
}

/** A queue could not be opened or used. */
export class AccessFailedError extends SharedMemoryError {
  constructor(message: string, init: Init = {}) {
    super(message, { code: "AccessFailed", ...init });
  }
}

/** There is no queue of that name. */
export class QueueNotFoundError extends AccessFailedError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "QueueNotFound" });
  }
}

/** Another user's segment, or one with unsafe permission bits. */
export class NotPermittedError extends AccessFailedError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "NotPermitted" });
  }
}

/** The file is no Ringwire segment, or is truncated. */
export class ForeignSegmentError extends AccessFailedError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "ForeignSegment" });
  }
}

/** The segment was made by an incompatible version, byte order or feature set. */
export class VersionMismatchError extends AccessFailedError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "VersionMismatch" });
  }
}

/** A lock that the operation needs is held by somebody else. */
export class LockFailedError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "LockFailed", retryable: true });
  }
}

/** Somebody else consumes alone, or this handle is to consume alone while others do. Nobody is told when that ends: try again. */
export class ConsumerExcludedError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "ConsumerExcluded", retryable: true });
  }
}

/** No free slot: the queue holds `maxMessages` messages. */
export class QueueFullError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "QueueFull", retryable: true });
  }
}

/** There was nothing to take, and the caller demanded something. */
export class QueueEmptyError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "QueueEmpty", retryable: true });
  }
}

/** A body could not be encoded, decoded, or does not satisfy the queue's schema. */
export class SerializationFailedError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "SerializationFailed" });
  }
}

/** The segment holds impossible values; it must be destroyed and made anew. */
export class QueueCorruptError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "QueueCorrupt" });
  }
}

/** The lease of this job has expired, or the job is already settled; somebody else may be working on the message. */
export class LeaseLostError extends SharedMemoryError {
  /** Whether its requester gave up: then nobody else gets the message either. */
  readonly cancelled: boolean;

  constructor(
    message: string,
    init: SharedMemoryErrorInit & { readonly cancelled?: boolean } = {},
  ) {
    super(message, { ...init, code: "LeaseLost" });
    this.cancelled = init.cancelled ?? false;
  }
}

/** Body or headers exceed what the queue was created for. */
export class MessageTooLargeError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "MessageTooLarge" });
  }
}

/** The shared-memory file system or the disk is full. */
export class NoSpaceError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "NoSpace", retryable: true });
  }
}

/** This handle was closed, or the queue was destroyed. */
export class QueueClosedError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "QueueClosed" });
  }
}

/** The stream has ended: no more sends until it is reopened. */
export class QueueEndedError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "QueueEnded" });
  }
}

/** All `maxParticipants` places are taken by live handles. */
export class TooManyParticipantsError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "TooManyParticipants", retryable: true });
  }
}

/** `timeoutMs` passed before the call could be completed. */
export class QueueTimeoutError extends SharedMemoryError {
  constructor(message: string, init: SharedMemoryErrorInit = {}) {
    super(message, { ...init, code: "QueueTimeout", retryable: true });
  }
}

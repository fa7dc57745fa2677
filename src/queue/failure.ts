/** One table from the shim's negative error numbers to the errors of this room. */
import type { Shim } from "../../ffi/shm/symbols.ts";
import {
  AccessFailedError,
  ConsumerExcludedError,
  CreationFailedError,
  ForeignSegmentError,
  LeaseLostError,
  LockFailedError,
  MessageTooLargeError,
  NoSpaceError,
  NotPermittedError,
  QueueClosedError,
  QueueCorruptError,
  QueueEmptyError,
  QueueEndedError,
  QueueExistsError,
  QueueFullError,
  QueueNotFoundError,
  QueueTimeoutError,
  type SharedMemoryError,
  type SharedMemoryErrorInit,
  TooManyParticipantsError,
  VersionMismatchError,
} from "./errors.ts";

/** Linux error numbers that the shim gives a meaning to; the same on x86-64 and arm64. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  EPIPE: 32,
  ENAMETOOLONG: 36,
  ELOOP: 40,
  EPROTO: 71,
  EUSERS: 87,
  EMSGSIZE: 90,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  ESHUTDOWN: 108,
  ETIMEDOUT: 110,
  ESTALE: 116,
  EUCLEAN: 117,
} as const;

/** What was being done; decides between the errors that one number may mean. */
export type Operation =
  | "create"
  | "open"
  | "destroy"
  | "send"
  | "take"
  | "settle"
  | "maintain"
  | "inspect"
  | "wait";

type ErrorClass = new (
  message: string,
  init: SharedMemoryErrorInit,
) => SharedMemoryError;

interface Row {
  readonly type: ErrorClass;
  /** Said when the shim gives no detail of its own. */
  readonly text: string;
}

const table: ReadonlyMap<number, Row> = new Map<number, Row>([
  [
    ERRNO.EPERM,
    {
      type: NotPermittedError,
      text: "the segment belongs to another user or has unsafe permissions",
    },
  ],
  [ERRNO.EACCES, { type: NotPermittedError, text: "permission denied" }],
  [ERRNO.ENOENT, { type: QueueNotFoundError, text: "there is no such queue" }],
  [
    ERRNO.ELOOP,
    { type: NotPermittedError, text: "a symbolic link is not followed" },
  ],
  [ERRNO.EBUSY, { type: LockFailedError, text: "somebody else is at it" }],
  [ERRNO.EEXIST, { type: QueueExistsError, text: "the name is taken" }],
  [
    ERRNO.ENOSPC,
    { type: NoSpaceError, text: "the shared memory or the disk is full" },
  ],
  [ERRNO.ENOMEM, { type: NoSpaceError, text: "out of memory" }],
  [ERRNO.EPIPE, { type: QueueEndedError, text: "the stream has ended" }],
  [ERRNO.EPROTO, { type: ForeignSegmentError, text: "not a Ringwire segment" }],
  [
    ERRNO.EUSERS,
    {
      type: TooManyParticipantsError,
      text: "all places for participants are taken",
    },
  ],
  [
    ERRNO.EMSGSIZE,
    { type: MessageTooLargeError, text: "the message is too large" },
  ],
  [
    ERRNO.EPROTONOSUPPORT,
    {
      type: VersionMismatchError,
      text: "the segment was made by an incompatible version",
    },
  ],
  [
    ERRNO.ESHUTDOWN,
    { type: QueueClosedError, text: "the queue was destroyed" },
  ],
  [ERRNO.ETIMEDOUT, { type: QueueTimeoutError, text: "timed out" }],
  [
    ERRNO.ESTALE,
    {
      type: LeaseLostError,
      text: "the lease is lost or the message is already settled",
    },
  ],
  [ERRNO.EUCLEAN, { type: QueueCorruptError, text: "the segment is damaged" }],
]);

const full: Row = { type: QueueFullError, text: "the queue is full" };
const empty: Row = { type: QueueEmptyError, text: "nothing to take" };
const excluded: Row = {
  type: ConsumerExcludedError,
  text: "somebody else takes the messages of this queue",
};
const creation: Row = {
  type: CreationFailedError,
  text: "the queue could not be created",
};
const access: Row = { type: AccessFailedError, text: "the operation failed" };

/** Refused by the operating system while making a queue: the error says so rather than "access". */
const createOnly: ReadonlySet<number> = new Set([
  ERRNO.ENOENT,
  ERRNO.EPERM,
  ERRNO.EACCES,
  ERRNO.ELOOP,
  ERRNO.EMSGSIZE,
]);

function rowFor(errno: number, operation: Operation): Row {
  if (errno === ERRNO.EAGAIN) return operation === "send" ? full : empty;
  if (errno === ERRNO.EBUSY && operation === "take") return excluded;
  if (operation === "create" && createOnly.has(errno)) return creation;
  return table.get(errno) ?? (operation === "create" ? creation : access);
}

const detailBytes = new Uint8Array(1024);
const decoder = new TextDecoder();

/** The shim's text about this thread's last failure, "" when it has none. */
export function failureDetail(shim: Shim): string {
  const length = shim.rwq_error_detail(detailBytes, detailBytes.byteLength);
  return length > 0 ? decoder.decode(detailBytes.subarray(0, length)) : "";
}

/**
 * The error for a negative result.
 *
 * @param result -errno
 * @param detail the shim's text, "" for the table's own
 */
export function failureOf(
  result: number,
  operation: Operation,
  queue: string,
  detail: string,
): SharedMemoryError {
  const errno = -result;
  const { type, text } = rowFor(errno, operation);
  const name =
    Object.entries(ERRNO).find(([, number]) => number === errno)?.[0] ??
    `errno ${errno}`;
  return new type(`${queue}: ${detail === "" ? `${text} (${name})` : detail}`, {
    queue,
    errno,
  });
}

/** Copies of messages that stay where they are: those that wait, and the dead letters. */
import { IO, META, META_FLAG, SLOT_STATE } from "../../ffi/shm/layout.ts";
import { DeadLetter } from "./dead_letter.ts";
import { MessageTooLargeError } from "./errors.ts";
import { ERRNO } from "./failure.ts";
import { QueueHandle } from "./handle.ts";
import { Message } from "./message.ts";
import { LIMITS } from "./option_checks.ts";
import { pad8 } from "./record.ts";

/** One call of the shim that copies a message into the staging area. */
type Look = (handle: QueueHandle) => number;

const peekWaiting: Look = (handle) => handle.shim.rwq_peek(handle.address);
const inspectDead: Look = (handle) =>
  handle.shim.rwq_inspect(handle.address, 1 << SLOT_STATE.buried);
const noteRoomBytes = 8192;
const decoder = new TextDecoder();

/** The record in the staging area into the cursor; gives the offset of what follows headers. */
function copyRecord(handle: QueueHandle): number {
  const { u32, staging, cursor } = handle;
  const end =
    pad8(u32[META.bodyLength] as number) +
    pad8(u32[META.headersLength] as number);
  cursor.at = 0;
  cursor.offset = 0;
  cursor.chunk = staging.slice(0, end);
  if ((u32[META.headersLength] as number) === 0)
    cursor.chunk = cursor.chunk.subarray(0, u32[META.bodyLength] as number);
  return end;
}

/** Walks with a position of its own, so that other calls on the handle may come in between. */
function* walk<R>(
  handle: QueueHandle,
  look: Look,
  read: (at: QueueHandle) => R,
): Generator<R> {
  let first = 0n;
  let second = 0n;
  let large: QueueHandle | undefined;
  const step = (at: QueueHandle): number => {
    at.u64[IO.cursorU32 >> 1] = first;
    at.u64[(IO.cursorU32 >> 1) + 1] = second;
    return look(at);
  };
  try {
    for (;;) {
      let from = handle;
      let result = step(from);
      if (
        result >= 0 &&
        ((from.u32[META.flags] as number) & META_FLAG.big) !== 0
      ) {
        // Larger than the staging area, and not leased, so it cannot be read in parts: look again through a handle with more room.
        const neededBytes: number =
          pad8(from.u32[META.bodyLength] as number) +
          pad8(from.u32[META.headersLength] as number) +
          noteRoomBytes;
        if (neededBytes > LIMITS.stagingBytesMax)
          throw new MessageTooLargeError(
            `${handle.place.name}: a message of ${from.u32[META.bodyLength]} bytes cannot be looked at`,
          );
        if (large === undefined || large.staging.byteLength < neededBytes) {
          large?.close();
          large = openLarge(handle, neededBytes);
        }
        from = large;
        result = step(from);
      }
      if (result === -ERRNO.EAGAIN) return;
      from.checked(result, "inspect");
      if (((from.u32[META.flags] as number) & META_FLAG.big) !== 0) continue; // Another message was faster; from the same position again.
      first = from.u64[IO.cursorU32 >> 1] ?? 0n;
      second = from.u64[(IO.cursorU32 >> 1) + 1] ?? 0n;
      yield read(from);
    }
  } finally {
    large?.close();
  }
}

function openLarge(handle: QueueHandle, stagingBytes: number): QueueHandle {
  // The shim keeps such areas for later; powers of two are asked for again.
  const roundedBytes = 2 ** Math.ceil(Math.log2(stagingBytes));
  return QueueHandle.open({
    place: handle.place,
    participantName: "",
    stagingBytes: roundedBytes,
    observe: true,
    shared: handle.shared,
    rules: handle.rules,
  });
}

/** The waiting messages in about the order of delivery. */
export function* peekMessages<T>(
  handle: QueueHandle,
  limit: number,
): Generator<Message<T>> {
  let left = limit;
  if (left <= 0) return;
  for (const message of walk(handle, peekWaiting, (at) => {
    copyRecord(at);
    return new Message<T>(at.cursor);
  })) {
    yield message;
    if (--left <= 0) return;
  }
}

/** The dead letters by slot; settling goes through `handle`. */
export function listDeadLetters<T>(
  handle: QueueHandle,
): Generator<DeadLetter<T>> {
  return walk(handle, inspectDead, (at) => {
    const end = copyRecord(at);
    const noteLength = at.u32[META.noteLength] as number;
    return new DeadLetter<T>(
      at.cursor,
      handle,
      decoder.decode(at.staging.slice(end, end + noteLength)),
    );
  });
}

/** Writing of messages on stdout, shared by the verbs that show them. */
import { type FramedRecords, frameRecords } from "../records/framing.ts";
import {
  formatRecord,
  type RecordStyle,
  type ShownMessage,
} from "../records/records.ts";
import { BrokenPipe, writeOut } from "../standard_streams/output.ts";

function frame(
  messages: readonly ShownMessage[],
  style: RecordStyle,
): FramedRecords {
  return frameRecords(
    messages.map((message) => formatRecord(message, style)),
    style.framing,
  );
}

/**
 * Writes messages whole, in one piece.
 *
 * @returns how many got through; fewer than given only when the reader of stdout is gone
 */
export async function writeBatch(
  messages: readonly ShownMessage[],
  style: RecordStyle,
): Promise<number> {
  const { bytes, ends } = frame(messages, style);
  try {
    await writeOut(bytes);
    return messages.length;
  } catch (error) {
    if (!(error instanceof BrokenPipe)) throw error;
    const through = ends.findIndex((end) => end > error.writtenBytes);
    return through < 0 ? messages.length : through;
  }
}

/** Bytes of bodies that are gathered for one write. */
const gatherBytes = 1 << 18;

/**
 * Writes any number of messages, many at a time.
 *
 * @returns how many there were
 * @throws {BrokenPipe} when the reader of stdout is gone
 */
export async function writeRecords(
  messages: Iterable<ShownMessage>,
  style: RecordStyle,
): Promise<number> {
  let count = 0;
  let pending: ShownMessage[] = [];
  let pendingBytes = 0;
  for (const message of messages) {
    count++;
    pending.push(message);
    pendingBytes += message.data.byteLength;
    if (pendingBytes < gatherBytes) continue;
    await writeOut(frame(pending, style).bytes);
    pending = [];
    pendingBytes = 0;
  }
  await writeOut(frame(pending, style).bytes);
  return count;
}

/**
 * Where one record ends and the next begins in a stream of bytes. Bodies are bytes: nothing here decodes them, except
 * `jsonl`, which must know that each is JSON.
 */
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";

/** The names of the framings, in the order of the help. */
export const framings = ["line", "nul", "len32", "jsonl", "raw"] as const;

/**
 * `line` and `nul` end a record with that byte, `len32` begins it with its length (4 bytes, big-endian), `jsonl` is
 * lines of JSON, `raw` takes all of the stream as one record and writes records without anything between them.
 */
export type Framing = (typeof framings)[number];

const terminators: Readonly<Partial<Record<Framing, number>>> = {
  line: 10,
  nul: 0,
  jsonl: 10,
};
const lengthBytes = 4;

function joinPieces(
  pieces: readonly Uint8Array[],
  byteLength: number,
): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(byteLength);
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.byteLength;
  }
  return joined;
}

/** Splits chunks of a stream into records. The records are views of the chunks where that is possible. */
export class RecordReader {
  readonly #framing: Framing;
  readonly #recordBytesMax: number;
  #pieces: Uint8Array[] = [];
  #pendingBytes = 0;
  /** `len32`: bytes that must be there before the pending record can be looked at again. */
  #neededBytes = lengthBytes;
  #count = 0;

  /** @param recordBytesMax a longer record is refused as soon as that is certain, so that memory stays bounded */
  constructor(framing: Framing, recordBytesMax: number) {
    this.#framing = framing;
    this.#recordBytesMax = recordBytesMax;
  }

  /** Whether there is a record that has begun and is not complete. */
  get pending(): boolean {
    return this.#pendingBytes > 0;
  }

  /**
   * The records that `chunk` completes.
   *
   * @throws {CommandFailure} exit code 6 when a record is too long or no JSON; `taken` holds the ones before it
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const taken: Uint8Array[] = [];
    const terminator = terminators[this.#framing];
    if (terminator !== undefined)
      this.#splitTerminated(chunk, terminator, taken);
    else if (this.#framing === "len32") this.#splitCounted(chunk, taken);
    else this.#keep(chunk, taken);
    return taken;
  }

  /**
   * What is left at the end of the stream: a last line without its terminator, or all of a raw stream.
   *
   * @throws {CommandFailure} exit code 6 when the stream ends within a `len32` record
   */
  end(): Uint8Array[] {
    const taken: Uint8Array[] = [];
    if (this.#framing === "len32") {
      if (this.#pendingBytes > 0)
        this.#refuse(taken, `the input ends within it`);
      return taken;
    }
    // An empty raw stream is one empty message only if somebody asked for raw; that is the exact body.
    if (
      this.#pendingBytes > 0 ||
      (this.#framing === "raw" && this.#count === 0)
    ) {
      this.#accept(this.#takePending(), taken);
    }
    return taken;
  }

  #splitTerminated(
    chunk: Uint8Array,
    terminator: number,
    taken: Uint8Array[],
  ): void {
    let start = 0;
    let end = chunk.indexOf(terminator);
    if (end >= 0 && this.#pendingBytes > 0) {
      this.#keep(chunk.subarray(0, end), taken);
      this.#accept(this.#takePending(), taken);
      start = end + 1;
      end = chunk.indexOf(terminator, start);
    }
    while (end >= 0) {
      this.#accept(chunk.subarray(start, end), taken);
      start = end + 1;
      end = chunk.indexOf(terminator, start);
    }
    if (start < chunk.byteLength) this.#keep(chunk.subarray(start), taken);
  }

  #splitCounted(chunk: Uint8Array, taken: Uint8Array[]): void {
    // Joining only once there is enough keeps a large record from being copied again with each chunk.
    if (this.#pendingBytes + chunk.byteLength < this.#neededBytes) {
      this.#pieces.push(chunk);
      this.#pendingBytes += chunk.byteLength;
      return;
    }
    let rest = joinPieces(
      [...this.#pieces, chunk],
      this.#pendingBytes + chunk.byteLength,
    );
    this.#neededBytes = lengthBytes;
    while (rest.byteLength >= lengthBytes) {
      const byteLength = new DataView(
        rest.buffer,
        rest.byteOffset,
        lengthBytes,
      ).getUint32(0);
      if (byteLength > this.#recordBytesMax)
        this.#refuseLong(taken, `${byteLength} bytes`);
      this.#neededBytes = lengthBytes + byteLength;
      if (rest.byteLength < this.#neededBytes) break;
      this.#accept(rest.subarray(lengthBytes, this.#neededBytes), taken);
      rest = rest.subarray(this.#neededBytes);
      this.#neededBytes = lengthBytes;
    }
    this.#pieces = rest.byteLength > 0 ? [rest] : [];
    this.#pendingBytes = rest.byteLength;
  }

  #keep(piece: Uint8Array, taken: Uint8Array[]): void {
    this.#pieces.push(piece);
    this.#pendingBytes += piece.byteLength;
    if (this.#pendingBytes > this.#recordBytesMax)
      this.#refuseLong(taken, `more than ${this.#recordBytesMax} bytes`);
  }

  #takePending(): Uint8Array {
    const record = joinPieces(this.#pieces, this.#pendingBytes);
    this.#pieces = [];
    this.#pendingBytes = 0;
    return record;
  }

  #accept(record: Uint8Array, taken: Uint8Array[]): void {
    if (record.byteLength > this.#recordBytesMax)
      this.#refuseLong(taken, `${record.byteLength} bytes`);
    if (this.#framing === "jsonl") {
      if (isBlank(record)) return;
      if (!isJson(record)) this.#refuse(taken, "it is not JSON in UTF-8");
    }
    this.#count++;
    taken.push(record);
  }

  #refuseLong(taken: Uint8Array[], length: string): never {
    return this.#refuse(
      taken,
      `it has ${length}, allowed are ${this.#recordBytesMax}`,
    );
  }

  #refuse(taken: Uint8Array[], reason: string): never {
    throw new RecordRefused(
      taken,
      `record ${this.#count + 1} of the input: ${reason}`,
    );
  }
}

/** A record of the input cannot be accepted. Exit code 6; the good records before it are in `taken`. */
export class RecordRefused extends CommandFailure {
  /** Records of the same chunk that came before the refused one. */
  readonly taken: readonly Uint8Array[];

  constructor(taken: readonly Uint8Array[], message: string) {
    super(ExitCode.protocol, message);
    this.taken = taken;
  }
}

function isBlank(record: Uint8Array): boolean {
  return record.every((byte) => byte === 32 || byte === 9 || byte === 13);
}

const strictDecoder = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

function isJson(record: Uint8Array): boolean {
  try {
    JSON.parse(strictDecoder.decode(record));
    return true;
  } catch {
    return false;
  }
}

/** Bytes that `frameRecords` adds to each record. */
function overheadOf(framing: Framing): number {
  if (framing === "len32") return lengthBytes;
  return terminators[framing] === undefined ? 0 : 1;
}

/** All records with their framing, in one piece of memory; `ends[i]` is where record `i` ends. */
export interface FramedRecords {
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
}

/** Puts records one after the other, each with its terminator or length. */
export function frameRecords(
  records: readonly Uint8Array[],
  framing: Framing,
): FramedRecords {
  const overhead = overheadOf(framing);
  let byteLength = 0;
  for (const record of records) byteLength += record.byteLength + overhead;
  const bytes = new Uint8Array(byteLength);
  const view = new DataView(bytes.buffer);
  const terminator = terminators[framing];
  const ends: number[] = [];
  let offset = 0;
  for (const record of records) {
    if (framing === "len32") {
      view.setUint32(offset, record.byteLength);
      offset += lengthBytes;
    }
    bytes.set(record, offset);
    offset += record.byteLength;
    if (terminator !== undefined) bytes[offset++] = terminator;
    ends.push(offset);
  }
  return { bytes, ends };
}

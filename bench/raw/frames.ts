/**
 * What one writes by hand over a socket of a runtime when only speed counts: messages with their length before them, all
 * of a turn of the event loop in one write. The limit of what a transport can do.
 */
import {
  countBytes,
  type WireClient,
  WireServer,
} from "../programs/wire_client.ts";

/** A socket, as the runtime has it. */
export interface RawSocket {
  /** Takes bytes `from` up to `to`, and says how many; what it took may be overwritten afterwards. */
  write(bytes: Uint8Array, from: number, to: number): number;
}

/** Length and number, before each message. The number 0 wants no answer. */
const headerBytes = 8;
const flushBytes = 131_072;
const bufferBytes = 4 * 1_048_576;
/** From here on a message is written from where it is. */
const directBytes = 262_144;

/** Both directions of one socket. */
export class RawEnd {
  readonly #socket: RawSocket;
  readonly #handle: (id: number, body: Uint8Array) => void;
  readonly #buffer = new Uint8Array(bufferBytes);
  #start = 0;
  #end = 0;
  #isStuck = false;
  #isScheduled = false;
  #onRoom: (() => void)[] = [];
  readonly #head = new Uint8Array(headerBytes);
  #headBytes = 0;
  /** A message that is cut over chunks. */
  #body: Uint8Array | undefined;
  #bodyBytes = 0;
  #id = 0;
  readonly #tick = (): void => {
    this.#isScheduled = false;
    this.#flush();
  };

  constructor(
    socket: RawSocket,
    handle: (id: number, body: Uint8Array) => void,
  ) {
    this.#socket = socket;
    this.#handle = handle;
  }

  /** Writes one, if the socket is not stuck with a buffer full behind it. */
  trySend(id: number, body: Uint8Array): boolean {
    if (this.#isStuck && this.#end - this.#start + body.length > flushBytes)
      return false;
    this.put(id, body);
    return true;
  }

  /** Writes one; the caller sees to it that it fits. */
  put(id: number, body: Uint8Array): void {
    const length = body.length;
    if (this.#end + headerBytes + length > flushBytes) this.#flush();
    const buffer = this.#buffer;
    let end = this.#end;
    buffer[end++] = length >>> 24;
    buffer[end++] = length >>> 16;
    buffer[end++] = length >>> 8;
    buffer[end++] = length;
    buffer[end++] = id >>> 24;
    buffer[end++] = id >>> 16;
    buffer[end++] = id >>> 8;
    buffer[end++] = id;
    this.#end = end;
    let from = 0;
    if (length >= directBytes) {
      this.#flush();
      if (!this.#isStuck) from = this.#socket.write(body, 0, length);
      if (from === length) return;
      this.#isStuck = true;
    }
    buffer.set(from === 0 ? body : body.subarray(from), this.#end);
    this.#end += length - from;
    if (this.#isScheduled || this.#isStuck) return;
    this.#isScheduled = true;
    queueMicrotask(this.#tick);
  }

  /** Resolves when the socket is not stuck. */
  room(): Promise<void> {
    if (!this.#isStuck) return Promise.resolve();
    return new Promise((resolve) => this.#onRoom.push(resolve));
  }

  /** The socket takes more again. */
  readonly drained = (): void => {
    this.#isStuck = false;
    this.#flush();
    if (this.#isStuck) return;
    for (const resolve of this.#onRoom.splice(0)) resolve();
  };

  #flush(): void {
    if (this.#isStuck || this.#start === this.#end) return;
    this.#start += this.#socket.write(this.#buffer, this.#start, this.#end);
    if (this.#start < this.#end) {
      this.#isStuck = true;
      return;
    }
    this.#start = 0;
    this.#end = 0;
  }

  /** Bytes have come. */
  readonly data = (chunk: Uint8Array): void => {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body !== undefined) {
        at += this.#gather(this.#body, chunk, at);
        continue;
      }
      if (this.#headBytes === 0 && chunk.length - at >= headerBytes) {
        const length = numberAt(chunk, at);
        const id = numberAt(chunk, at + 4);
        at += headerBytes;
        if (chunk.length - at >= length) {
          this.#handle(id, chunk.subarray(at, at + length));
          at += length;
        } else this.#begin(id, length);
        continue;
      }
      this.#head[this.#headBytes++] = chunk[at++] ?? 0;
      if (this.#headBytes < headerBytes) continue;
      this.#headBytes = 0;
      this.#begin(numberAt(this.#head, 4), numberAt(this.#head, 0));
    }
  };

  #begin(id: number, length: number): void {
    this.#id = id;
    this.#body = new Uint8Array(length);
    this.#bodyBytes = 0;
  }

  #gather(body: Uint8Array, chunk: Uint8Array, at: number): number {
    const taken = Math.min(body.length - this.#bodyBytes, chunk.length - at);
    body.set(chunk.subarray(at, at + taken), this.#bodyBytes);
    this.#bodyBytes += taken;
    if (this.#bodyBytes === body.length) {
      this.#body = undefined;
      this.#handle(this.#id, body);
    }
    return taken;
  }
}

function numberAt(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
    0
  );
}

/** Answers on a socket. */
export function serveRaw(socket: RawSocket): RawEnd {
  const server = new WireServer();
  const end: RawEnd = new RawEnd(socket, (id, body) => {
    if (id === 0) server.message();
    else end.put(id, server.answer(body));
  });
  return end;
}

/** Numbers from here on are asked without a promise each. */
const bareIdMin = 2 ** 31;

/** Asks on a socket. */
export class RawClient implements WireClient {
  readonly end: RawEnd;
  readonly #pending = new Map<number, (answer: Uint8Array) => void>();
  #lastId = 0;
  #bareAnswer: (id: number) => void = () => {};

  constructor(socket: RawSocket) {
    this.end = new RawEnd(socket, (id, body) => {
      if (id >= bareIdMin) {
        this.#bareAnswer(id);
        return;
      }
      const resolve = this.#pending.get(id);
      this.#pending.delete(id);
      resolve?.(body);
    });
  }

  readonly trySend = (body: Uint8Array): boolean => this.end.trySend(0, body);

  async send(body: Uint8Array): Promise<void> {
    while (!this.end.trySend(0, body)) await this.end.room();
  }

  request(body: Uint8Array): Promise<Uint8Array> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      this.end.put(id, body);
    });
  }

  /** Requests per second with so many under way, each sent by the function that takes the answer of the one before. */
  bareRequests(
    body: Uint8Array,
    inFlight: number,
    roundMs: number,
  ): Promise<number> {
    if (body.length === countBytes) throw new Error("that asks for the count");
    return new Promise((resolve) => {
      const startMs = performance.now();
      let answers = 0;
      let underWay = inFlight;
      let isOver = false;
      this.#bareAnswer = (id) => {
        answers += 1;
        if (answers % inFlight === 0)
          isOver = performance.now() - startMs >= roundMs;
        if (!isOver) this.end.put(id, body);
        else if (--underWay === 0)
          resolve(answers / ((performance.now() - startMs) / 1000));
      };
      for (let slot = 0; slot < inFlight; slot++)
        this.end.put(bareIdMin + slot, body);
    });
  }
}

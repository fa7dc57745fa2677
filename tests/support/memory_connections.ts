/** Two ends of a connection in memory, whose faults are made on purpose. */
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
} from "../../src/transport/adapter.ts";

/** How the bytes of one direction travel. */
export interface MemoryFaults {
  /** Sizes of the chunks that arrive; the last one goes on. @default as written */
  chunkBytes?: number | undefined;
  /** Bytes that a write takes at most. @default all */
  writeBytes?: number | undefined;
  /** Bytes that may lie between the ends. @default 4 MiB */
  bufferBytes?: number | undefined;
  /** Nothing arrives while this holds. @default false */
  isStalled?: boolean | undefined;
  /** Bytes after which the connection is lost. @default never */
  loseAfterBytes?: number | undefined;
}

/** One end. */
export class MemoryConnection implements Connection {
  readonly scheme = "memory";
  state: "open" | "closing" | "closed" = "open";
  readonly peerAddress = "memory://peer";
  readonly localAddress = "memory://here";
  readonly tls = undefined;
  closeReason: CloseReason | undefined = undefined;
  readonly canPause = true;
  peer: MemoryConnection | undefined;
  handler: ConnectionHandler | undefined;
  readonly faults: MemoryFaults;
  /** All bytes that were written, when wanted. */
  recorded: Uint8Array[] | undefined;
  bytesSent = 0;
  bytesReceived = 0;
  writes = 0;
  shortWrites = 0;
  /** Code and reason of the `close` that was called here. */
  closedWith: { readonly code: number; readonly reason: string } | undefined;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isPaused = false;
  #isScheduled = false;
  #wantsDrain = false;
  #waiters: ((reason: CloseReason) => void)[] = [];

  constructor(faults: MemoryFaults) {
    this.faults = faults;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get statistics(): Connection["statistics"] {
    return {
      bytesReceived: this.bytesReceived,
      bytesSent: this.bytesSent,
      chunks: 0,
      writes: this.writes,
      shortWrites: this.shortWrites,
      openedAtMs: 0,
      lastActivityAtMs: 0,
    };
  }

  write(chunk: Uint8Array, from = 0, to = chunk.length): number {
    if (this.state !== "open") throw new Error("write: not open");
    const { bufferBytes = 4_194_304, writeBytes } = this.faults;
    const room = Math.max(0, bufferBytes - this.#queuedBytes);
    const taken = Math.min(to - from, room, writeBytes ?? to - from);
    if (taken < to - from) {
      this.shortWrites += 1;
      this.#wantsDrain = true;
    }
    if (taken > 0) {
      this.writes += 1;
      this.bytesSent += taken;
      const bytes = chunk.slice(from, from + taken);
      this.recorded?.push(bytes);
      this.#queue.push(bytes);
      this.#queuedBytes += taken;
    }
    this.kick();
    return taken;
  }

  /** Lets bytes travel again, after faults were changed. */
  kick(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#deliver();
    }, 0);
  }

  #deliver(): void {
    const { peer, faults } = this;
    if (peer === undefined) return;
    while (
      this.#queue.length > 0 &&
      peer.state === "open" &&
      !peer.#isPaused &&
      faults.isStalled !== true
    ) {
      const first = this.#queue[0] as Uint8Array;
      let size = Math.min(first.length, faults.chunkBytes ?? first.length);
      if (faults.loseAfterBytes !== undefined)
        size = Math.min(size, faults.loseAfterBytes - peer.bytesReceived);
      const chunk = first.slice(0, size);
      if (size === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(size);
      this.#queuedBytes -= size;
      peer.bytesReceived += size;
      if (size > 0) peer.handler?.data(chunk);
      // Whoever keeps the chunk sees that its memory is used again.
      chunk.fill(0xee);
      if (peer.bytesReceived === faults.loseAfterBytes) {
        this.lose();
        return;
      }
    }
    // Whoever is closing reads no more.
    if (peer.state !== "open") {
      this.#queue = [];
      this.#queuedBytes = 0;
    }
    if (this.#wantsDrain && this.state === "open" && this.#queuedBytes === 0) {
      this.#wantsDrain = false;
      this.handler?.drain();
    }
    if (this.state === "closing" && this.#queuedBytes === 0) {
      this.hangUp("local");
      peer.hangUp("peer");
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.peer?.kick();
  }

  close(code = 1000, reason = ""): Promise<CloseReason> {
    if (this.state === "open") {
      this.state = "closing";
      this.closedWith = { code, reason };
      this.kick();
    }
    return new Promise((resolve) => {
      if (this.closeReason === undefined) this.#waiters.push(resolve);
      else resolve(this.closeReason);
    });
  }

  abort(): void {
    setTimeout(() => {
      this.hangUp("aborted");
      this.peer?.hangUp("reset");
    }, 0);
    if (this.state === "open") this.state = "closing";
  }

  /** The connection breaks: both ends see it go. */
  lose(): void {
    this.hangUp("reset");
    this.peer?.hangUp("reset");
  }

  /** The last event of this end. */
  hangUp(kind: CloseReason["kind"]): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.closeReason = {
      kind,
      code: undefined,
      reason: "",
      error: undefined,
      unsentBytes: this.#queuedBytes,
    };
    this.handler?.closed(this.closeReason);
    for (const waiter of this.#waiters.splice(0)) waiter(this.closeReason);
  }
}

/** Both ends, with the faults of what each of them writes. */
export function memoryConnections(
  faults: {
    readonly client?: MemoryFaults;
    readonly server?: MemoryFaults;
  } = {},
): [client: MemoryConnection, server: MemoryConnection] {
  const client = new MemoryConnection(faults.client ?? {});
  const server = new MemoryConnection(faults.server ?? {});
  client.peer = server;
  server.peer = client;
  return [client, server];
}

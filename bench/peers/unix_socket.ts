/** A stream over a unix socket in Bun, each message behind its length: no queue, no acknowledgement, no second consumer. */
import type { PeerAddress, PeerConsumer, PeerProducer } from "./client.ts";

const lengthBytes = 4;

/** Puts whole messages together again from the chunks of a stream. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0);

  /** Calls `handle` with every body that is whole now. */
  add(chunk: Buffer, handle: (body: Uint8Array) => void): void {
    const bytes =
      this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.byteLength - at >= lengthBytes) {
      const end = at + lengthBytes + bytes.readUInt32LE(at);
      if (end > bytes.byteLength) break;
      handle(bytes.subarray(at + lengthBytes, end));
      at = end;
    }
    // The chunk is the runtime's, and may be used again.
    this.#rest = Buffer.from(bytes.subarray(at));
  }
}

/** All bodies, each behind its length. */
export function frame(bodies: readonly string[]): Buffer {
  const bytes = Buffer.alloc(
    bodies.reduce((sum, body) => sum + lengthBytes + body.length, 0),
  );
  let at = 0;
  for (const body of bodies) {
    at = bytes.writeUInt32LE(body.length, at);
    at += bytes.write(body, at, "latin1");
  }
  return bytes;
}

/** The consuming side; it listens. */
export function listenOnUnixSocket({
  address,
}: PeerAddress): Pick<PeerConsumer, "consume"> {
  return {
    consume(_batch, handle) {
      return new Promise((_resolve, reject) => {
        const frames = new Frames();
        Bun.listen({
          unix: address,
          socket: {
            data: (_socket, bytes) => frames.add(bytes, handle),
            error: (_socket, error) => reject(error),
          },
        });
      });
    },
  };
}

/** The producing side. */
export async function connectToUnixSocket({
  address,
}: PeerAddress): Promise<PeerProducer> {
  let drained: (() => void) | undefined;
  const socket = await Bun.connect({
    unix: address,
    socket: {
      data: () => {},
      drain: () => drained?.(),
      error: (_socket, error) => {
        throw error;
      },
    },
  });
  return {
    async put(bodies) {
      for (let bytes = frame(bodies); ;) {
        bytes = bytes.subarray(Math.max(0, socket.write(bytes)));
        if (bytes.byteLength === 0) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        drained = resolve;
        await promise;
      }
    },
  };
}

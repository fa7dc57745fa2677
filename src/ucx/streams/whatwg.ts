/** A connection's stream as WHATWG streams, for programs that progress a worker without blocking. */
import { checkBuffer } from "../core/buffers.ts";
import type { Endpoint } from "../core/endpoint.ts";
import type { Operation } from "../core/operation.ts";
import { checkOperation } from "../core/operation_errors.ts";
import type { Streams } from "./streams.ts";

/** Resolves when an operation is done; whoever gives it sees to it that the worker is progressed meanwhile. */
export type OperationWaiter = (operation: Operation) => Promise<void>;

/** Bytes that a reader without a buffer of its own gets at a time, and that may be written ahead. */
const bufferBytes = 64 * 1024;

/**
 * What comes in, as a byte stream: readers may bring their own buffers. It closes at the peer's goodbye, and errors when
 * the connection is lost. Canceling it gives a receive up and leaves the connection open. Nothing is read ahead, so that
 * a slow reader holds the sender up.
 */
export function readableOf(
  streams: Streams,
  endpoint: Endpoint,
  wait: OperationWaiter,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let current: Operation | undefined;
  let canceled = false;
  const source = {
    type: "bytes" as const,
    autoAllocateChunkSize: bufferBytes,
    async pull(controller: ReadableByteStreamController) {
      const request = controller.byobRequest;
      const view = request?.view;
      if (request === null || view === null || view === undefined) return;
      const operation = streams.receive(
        endpoint,
        new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
        false,
      );
      current = operation;
      if (!operation.isDone) await wait(operation);
      current = undefined;
      if (canceled) return;
      checkOperation(operation, "receiveStream");
      if (operation.bytes === 0) controller.close();
      request.respond(operation.bytes);
    },
    cancel() {
      canceled = true;
      if (current !== undefined) streams.cancel(current);
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

/**
 * What goes out. A write is done when its data is free again, and waits while the peer's window is full. Closing it waits
 * for the writes, and leaves the connection open: the peer sees the end at our goodbye. Aborting it gives the write up;
 * what UCX has of it still goes out.
 */
export function writableOf(
  streams: Streams,
  endpoint: Endpoint,
  wait: OperationWaiter,
): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>(
    {
      async write(chunk, controller) {
        checkBuffer(chunk, "chunk");
        const operation = streams.send(endpoint, chunk);
        if (operation === undefined) return;
        const giveUp = (): void => streams.cancel(operation);
        // Not every version of the types has it.
        const { signal } = controller as { readonly signal?: AbortSignal };
        signal?.addEventListener("abort", giveUp);
        try {
          if (!operation.isDone) await wait(operation);
        } finally {
          signal?.removeEventListener("abort", giveUp);
        }
        checkOperation(operation, "sendStream");
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }),
  );
}

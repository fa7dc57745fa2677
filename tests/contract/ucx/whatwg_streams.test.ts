import { WorkerCore } from "../../../src/ucx/core/worker_core.ts";
import type { Endpoint } from "../../../src/ucx/core/endpoint.ts";
import { UcxConnectionResetError } from "../../../src/ucx/errors.ts";
import { openLibrary } from "../../../src/ucx/library.ts";
import { UcxListener } from "../../../src/ucx/listener.ts";
import { readableOf, writableOf } from "../../../src/ucx/streams/whatwg.ts";
import type { Operation } from "../../../src/ucx/core/operation.ts";
import { resolveWorkerConfig } from "../../../src/ucx/worker_config.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { describe, expect, test } from "../../support/testing.ts";

/** Two ends of one connection in one worker, which is progressed whenever somebody waits. */
class Ends {
  readonly core: WorkerCore;
  readonly near: Endpoint;
  readonly far: Endpoint;
  readonly wait: (operation: Operation) => Promise<void>;

  constructor(streamWindowBytes = 100_000) {
    const config = resolveWorkerConfig({
      ucx: { TLS: "tcp", NET_DEVICES: "lo" },
      streamWindowBytes,
    });
    const opened: Endpoint[] = [];
    this.core = new WorkerCore(openLibrary(config), config, {
      onOpen: (endpoint) => opened.push(endpoint),
      onClose: () => {},
      onError: (error) => {
        throw error;
      },
    });
    const listener = new UcxListener(
      this.core,
      { address: "127.0.0.1", port: 0 },
      undefined,
    );
    this.near = this.core.connections.connect(
      { socketAddress: { address: listener.host, port: listener.port } },
      listener.address,
      5000,
    );
    this.core.waitUntil(() => opened.length === 2, performance.now() + 5000);
    this.far = opened.find((endpoint) => endpoint !== this.near) ?? this.near;
    listener.close();
    this.wait = async (operation) => {
      while (!operation.isDone) {
        this.core.progress();
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    };
  }

  readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return readableOf(this.core.streams, this.far, this.wait);
  }

  writable(): WritableStream<Uint8Array> {
    return writableOf(this.core.streams, this.near, this.wait);
  }

  closed(): void {
    this.core.waitUntil(
      () => this.near.state === "closed" && this.far.state === "closed",
      performance.now() + 5000,
    );
  }

  [Symbol.dispose](): void {
    this.core.destroy();
  }
}

describe("WHATWG streams over UCX", () => {
  test("carry more than the window, and close at the goodbye", async () => {
    using ends = new Ends();
    const all = patternBytes(1_000_000);
    const writing = (async () => {
      const writer = ends.writable().getWriter();
      for (let at = 0; at < all.length; at += 70_000)
        await writer.write(all.subarray(at, at + 70_000));
      await writer.close();
      ends.core.connections.closing.close(ends.near, 5000);
    })();
    const parts: Uint8Array[] = [];
    for await (const part of ends.readable()) parts.push(part);
    await writing;
    expect(
      new Uint8Array(await new Blob(parts as never).arrayBuffer()),
    ).toEqual(all);
  });

  test("readers bring their own buffers", async () => {
    using ends = new Ends();
    const all = patternBytes(300);
    await ends.writable().getWriter().write(all);
    const reader = ends.readable().getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(200));
    expect(value?.length).toBe(200);
    expect(value?.slice()).toEqual(all.slice(0, 200));
  });

  test("a reader that reads nothing holds the writer up", async () => {
    using ends = new Ends(10_000);
    const writer = ends.writable().getWriter();
    let done = false;
    const writing = writer.write(patternBytes(15_000)).then(() => {
      done = true;
    });
    const endMs = performance.now() + 100;
    while (performance.now() < endMs) {
      ends.core.progress();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(done).toBe(false);
    const reader = ends.readable().getReader();
    let got = 0;
    while (got < 15_000) got += (await reader.read()).value?.length ?? 15_000;
    await writing;
    expect([done, got]).toEqual([true, 15_000]);
  });

  test("canceling a reader leaves what comes later to the next one", async () => {
    using ends = new Ends();
    const readable = ends.readable();
    const reader = readable.getReader();
    const reading = reader.read();
    await reader.cancel();
    expect((await reading).done).toBe(true);
    await ends.writable().getWriter().write(patternBytes(10));
    const next = await ends.readable().getReader().read();
    expect(next.value?.length).toBe(10);
  });

  test("aborting a writer gives up what the peer has not granted", async () => {
    using ends = new Ends(10_000);
    const writer = ends.writable().getWriter();
    const writing = writer.write(patternBytes(15_000)).then(
      () => "written",
      () => "given up",
    );
    await new Promise((resolve) => setTimeout(resolve, 10));
    await writer.abort(new Error("enough"));
    expect(await writing).toBe("given up");
    expect(ends.near.streamSent).toBe(10_000);
  });

  test("a lost connection is an error of both", async () => {
    using ends = new Ends(10_000);
    const reading = ends.readable().getReader().read();
    const writing = ends.writable().getWriter().write(patternBytes(15_000));
    const results = Promise.allSettled([reading, writing]);
    for (const endpoint of [ends.near, ends.far])
      ends.core.connections.closing.end(
        endpoint,
        new UcxConnectionResetError("cut"),
      );
    ends.closed();
    const [, written] = await results;
    expect(written.status).toBe("rejected");
    await expect(ends.readable().getReader().read()).rejects.toThrow(
      UcxConnectionResetError,
    );
  });
});

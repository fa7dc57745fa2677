import {
  UcxConnectionResetError,
  UcxRejectedError,
  UcxUnreachableError,
  UcxWorker,
} from "../../../src/ucx/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";

const ucx = { TLS: "tcp", NET_DEVICES: "lo" };

function nameOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof Error ? error.name : "";
  }
  return "";
}

describe("a hook that decides on connections", () => {
  test("may close its listener: the request is refused, once", () => {
    using worker = new UcxWorker({ ucx });
    const listener = worker.createListener("127.0.0.1:0", {
      accept: () => {
        listener.close();
        return true;
      },
    });
    const name = nameOf(() => worker.connect(listener.address));
    expect([
      UcxRejectedError.name,
      UcxUnreachableError.name,
      UcxConnectionResetError.name,
    ]).toContain(name);
    expect(worker.getEndpointIds()).toEqual([]);
    // Everything is in order afterwards.
    const other = worker.createListener("127.0.0.1:0");
    expect(worker.isConnected(worker.connect(other.address))).toBe(true);
  });

  test("may progress the worker, and connect, itself", () => {
    using worker = new UcxWorker({ ucx });
    const inner = worker.createListener("127.0.0.1:0");
    let within = 0;
    const outer = worker.createListener("127.0.0.1:0", {
      accept: () => {
        worker.progress();
        within = worker.connect(inner.address);
        return true;
      },
    });
    const id = worker.connect(outer.address);
    expect(worker.isConnected(id)).toBe(true);
    expect(worker.isConnected(within)).toBe(true);
  });

  test("is told who asks", () => {
    using worker = new UcxWorker({ ucx });
    const clients: string[] = [];
    const listener = worker.createListener("127.0.0.1:0", {
      accept: ({ clientAddress }) => {
        clients.push(clientAddress);
        return true;
      },
    });
    worker.connect(listener.address);
    expect(clients.length).toBe(1);
    expect(clients[0] ?? "").toMatch(/^127\.0\.0\.1:\d+$/);
  });
});

describe("the end of a connection", () => {
  test("that we cut off is ours, and is told once", () => {
    using worker = new UcxWorker({ ucx });
    const ends: [number, string, boolean][] = [];
    worker.events.on("close", ({ endpointId, by, orderly }) =>
      ends.push([endpointId, by, orderly]),
    );
    const listener = worker.createListener("127.0.0.1:0");
    const id = worker.connect(listener.address);
    worker.disconnect(id, { timeoutMs: 0 });
    worker.disconnect(id);
    const endMs = performance.now() + 10_000;
    while (ends.length < 2 && performance.now() < endMs)
      worker.runProgressLoop(5);
    worker.cleanupAll();
    expect(ends.length).toBe(2);
    expect(ends[0]).toEqual([id, "us", false]);
    expect(ends[1]?.slice(1)).toEqual(["peer", false]);
  });

  test("may come out of an event that the worker tells of", () => {
    using worker = new UcxWorker({ ucx });
    let closed = 0;
    worker.events.on("open", (id) => {
      if (id % 2 === 0) worker.disconnect(id, { timeoutMs: 0 });
    });
    worker.events.on("close", () => closed++);
    const listener = worker.createListener("127.0.0.1:0");
    for (let count = 0; count < 4; count++)
      nameOf(() => worker.connect(listener.address));
    worker.cleanupAll();
    expect(closed > 0).toBe(true);
    expect(worker.getEndpointIds()).toEqual([]);
  });
});

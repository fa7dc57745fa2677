import {
  UcxClosedError,
  UcxFeatureDisabledError,
  UcxNotConnectedError,
  UcxTimeoutError,
} from "../../../src/ucx/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { loopTransports, UcxLoop } from "../../support/ucx_loop.ts";
import { empty, numbered } from "../../support/ucp_pair.ts";

for (const [name, ucx] of Object.entries(loopTransports)) {
  describe(`UCX streams over ${name}`, () => {
    test("bytes arrive in their order, whatever the pieces", () => {
      using loop = new UcxLoop({ ucx });
      const { worker, near, far } = loop;
      const all = numbered(100_000);
      worker.sendStream(near, all.subarray(0, 1));
      worker.sendStream(near, [all.subarray(1, 500), all.subarray(500, 500)]);
      worker.sendStream(near, all.subarray(500));
      const first = empty(300);
      expect(worker.receiveStream(far, first.subarray(0, 0))).toBe(0);
      let got = 0;
      const into = empty(all.length);
      while (got < all.length) {
        const end = Math.min(into.length, got + 777);
        const bytes = worker.receiveStream(far, into.subarray(got, end));
        expect(bytes).toBeGreaterThan(0);
        got += bytes;
      }
      expect(into).toEqual(all);
      expect(worker.streams.tryReceive(far, first)).toBe(undefined);
    });

    test("without waitAll what is there is enough; with it the buffer is filled", () => {
      using loop = new UcxLoop({ ucx });
      const { worker, near, far } = loop;
      worker.sendStream(near, numbered(100));
      const into = empty(200);
      expect(worker.receiveStream(far, into)).toBe(100);
      worker.sendStream(near, numbered(100));
      worker.sendStream(near, numbered(150).subarray(100));
      expect(
        worker.receiveStream(far, into.subarray(0, 150), { waitAll: true }),
      ).toBe(150);
      expect(into.subarray(0, 150)).toEqual(numbered(150));
    });

    test("a receive that is out of time loses nothing", () => {
      using loop = new UcxLoop({ ucx });
      const { worker, near, far } = loop;
      const into = empty(100);
      expect(() => worker.receiveStream(far, into, { timeoutMs: 30 })).toThrow(
        UcxTimeoutError,
      );
      worker.sendStream(near, numbered(60));
      const some = worker.receiveStream(far, into, {
        waitAll: true,
        timeoutMs: 30,
      });
      expect(some).toBe(60);
      worker.sendStream(near, numbered(100).subarray(60));
      worker.receiveStream(far, into.subarray(60), { waitAll: true });
      expect(into).toEqual(numbered(100));
    });

    test("a sender is held up at the window of a reader that does not read", () => {
      const streamWindowBytes = 10_000;
      using loop = new UcxLoop({ ucx, streamWindowBytes });
      const { worker, near, far } = loop;
      const all = numbered(25_000);
      let done: number | undefined;
      try {
        worker.sendStream(near, all, { timeoutMs: 50 });
      } catch (error) {
        if (error instanceof UcxTimeoutError) done = error.bytesDone;
      }
      expect(done).toBe(streamWindowBytes);
      // Reading less than half of it gives no credit yet; more than half gives some.
      const into = empty(all.length);
      worker.receiveStream(far, into.subarray(0, 9000), { waitAll: true });
      worker.sendStream(near, all.subarray(10_000, 19_000));
      expect(() =>
        worker.sendStream(near, all.subarray(19_000), { timeoutMs: 50 }),
      ).toThrow(UcxTimeoutError);
      worker.receiveStream(far, into.subarray(9000, 19_000), { waitAll: true });
      expect(into.subarray(0, 19_000)).toEqual(all.subarray(0, 19_000));
      expect(worker.endpointStats(far).bytesReceived).toBe(19_000);
    });

    test("bytes are received without a copy, and come back to UCX", () => {
      using loop = new UcxLoop({ ucx, streamWindowBytes: 4096 });
      const { worker, near, far } = loop;
      worker.sendStream(near, numbered(1000));
      let kept = empty(0);
      const seen = worker.streams.read(far, (bytes) => {
        expect(bytes.length).toBeGreaterThan(0);
        expect(bytes).toEqual(numbered(bytes.length));
        kept = bytes as typeof kept;
      });
      expect(seen).toBe(1000);
      expect(kept.length).toBe(0);
      worker.sendStream(near, numbered(2000));
      const chunk = worker.streams.take(far);
      expect(chunk?.bytes).toEqual(numbered(2000));
      chunk?.release();
      chunk?.release();
      expect(() => chunk?.bytes).toThrow(UcxClosedError);
      // All of the window is back: it would not hold so much otherwise.
      worker.sendStream(near, numbered(4000), { timeoutMs: 5000 });
    });

    test("a chunk that is held when its connection ends moves, and stays readable", () => {
      using loop = new UcxLoop({ ucx });
      const { worker, near, far } = loop;
      worker.sendStream(near, numbered(5000));
      using chunk = worker.streams.take(far);
      const before = chunk?.bytes;
      expect(before?.length).toBe(5000);
      worker.cleanupAll();
      expect(before?.length).toBe(0);
      expect(chunk?.bytes).toEqual(numbered(5000));
    });

    test("those that have something to read are told", () => {
      using loop = new UcxLoop({ ucx });
      const { worker, near, far } = loop;
      expect(worker.streams.ready()).toEqual([]);
      worker.sendStream(near, numbered(10));
      worker.sendStream(far, numbered(20));
      let ready: number[] = [];
      const endMs = performance.now() + 10_000;
      while (ready.length < 2 && performance.now() < endMs)
        ready = worker.streams.ready();
      expect(ready.toSorted()).toEqual([near, far].toSorted());
      expect(worker.receiveStream(far, empty(4))).toBe(4);
      expect(worker.streams.ready()).toContain(far);
      expect(worker.receiveStream(far, empty(100))).toBe(6);
      expect(worker.streams.ready()).toEqual([near]);
      expect(worker.receiveStream(near, empty(100))).toBe(20);
      expect(worker.streams.ready()).toEqual([]);
    });
  });
}

describe("UCX streams", () => {
  const ucx = loopTransports.tcp;

  test("are refused where they are turned off", () => {
    using loop = new UcxLoop({ ucx, enableStream: false });
    const { worker, near } = loop;
    expect(() => worker.sendStream(near, empty(1))).toThrow(
      UcxFeatureDisabledError,
    );
    expect(() => worker.receiveStream(near, empty(1))).toThrow(
      UcxFeatureDisabledError,
    );
    expect(() => worker.streams.ready()).toThrow(UcxFeatureDisabledError);
  });

  test("refuse endpoints that are not there, and memory that may go away", () => {
    using loop = new UcxLoop({ ucx });
    const { worker, near } = loop;
    expect(() => worker.sendStream(99, empty(1))).toThrow(UcxNotConnectedError);
    expect(() => worker.receiveStream(99, empty(1))).toThrow(
      UcxNotConnectedError,
    );
    const resizable = new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }));
    expect(() => worker.sendStream(near, resizable)).toThrow(TypeError);
    expect(() => worker.receiveStream(near, resizable)).toThrow(TypeError);
    worker.disconnect(near);
    expect(() => worker.sendStream(near, empty(1))).toThrow(
      UcxNotConnectedError,
    );
  });
});

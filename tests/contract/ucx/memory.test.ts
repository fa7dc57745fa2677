import {
  UcxClosedError,
  UcxFeatureDisabledError,
  UcxInvalidKeyError,
  UcxNotConnectedError,
  UcxUnsupportedError,
  UcxWorker,
} from "../../../src/ucx/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { loopTransports, UcxLoop } from "../../support/ucx_loop.ts";
import { empty } from "../../support/ucp_pair.ts";

for (const [name, ucx] of Object.entries(loopTransports)) {
  describe(`UCX memory over ${name}`, () => {
    for (const kind of ["allocated", "ours"] as const)
      test(`${kind}: what is put is there, what is got is what is there, at any offset`, () => {
        using loop = new UcxLoop({ ucx, enableRma: true });
        const { worker, near } = loop;
        const size = 1_000_000;
        using memory = worker.registerMemory(
          kind === "allocated" ? size : empty(size),
        );
        expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
        using remote = worker.importMemory(near, memory.exportKey());
        expect([remote.byteLength, remote.writable]).toEqual([size, true]);
        const data = patternBytes(size);
        for (const [from, to] of [
          [0, 1],
          [1, 9],
          [9, 4000],
          [4000, 4001],
          [4001, 300_000],
          [300_000, size],
          [size, size],
        ] as const)
          remote.put(data.subarray(from, to), from);
        remote.flush();
        expect(memory.bytes.subarray(0, size)).toEqual(data);
        const got = empty(5000);
        remote.get(got, 123_457);
        expect(got).toEqual(data.subarray(123_457, 128_457));
        memory.bytes[size - 1] = 99;
        const last = empty(1);
        remote.get(last, size - 1);
        expect(last[0]).toBe(99);
        remote.fence();
        remote.get(empty(0), size);
      });

    test("nothing outside of the memory is reached", () => {
      using loop = new UcxLoop({ ucx, enableRma: true });
      const { worker, near } = loop;
      using memory = worker.registerMemory(100);
      using remote = worker.importMemory(near, memory.exportKey());
      for (const [bytes, offset] of [
        [1, 100],
        [101, 0],
        [2, 99],
        [1, -1],
        [1, 0.5],
        [0, 101],
        [1, Number.NaN],
      ] as const) {
        expect(() => remote.put(empty(bytes), offset)).toThrow(RangeError);
        expect(() => remote.get(empty(bytes), offset)).toThrow(RangeError);
      }
      expect(() => remote.atomics64.add(96, 1n)).toThrow(RangeError);
      expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
    });

    test("atomic operations of 64 bits", () => {
      using loop = new UcxLoop({ ucx, enableRma: true });
      const { worker, near } = loop;
      using memory = worker.registerMemory(64);
      using remote = worker.importMemory(near, memory.exportKey());
      const words = new BigUint64Array(
        memory.bytes.buffer as ArrayBuffer,
        0,
        8,
      );
      const { atomics64: atomic } = remote;
      atomic.add(8, 5n);
      remote.flush();
      expect(words[1]).toBe(5n);
      expect(atomic.fetchAdd(8, 2n ** 64n - 1n)).toBe(5n);
      expect(atomic.fetchAdd(8, -5n)).toBe(4n);
      expect(words[1]).toBe(2n ** 64n - 1n);
      expect(atomic.swap(8, 12n)).toBe(2n ** 64n - 1n);
      expect(atomic.compareSwap(8, 1n, 99n)).toBe(12n);
      expect(words[1]).toBe(12n);
      expect(atomic.compareSwap(8, 12n, 2n ** 63n)).toBe(12n);
      expect(words[1]).toBe(2n ** 63n);
      atomic.or(8, 6n);
      atomic.and(8, 12n);
      atomic.xor(8, 5n);
      remote.flush();
      expect(words[1]).toBe(1n);
      expect(atomic.fetchOr(8, 6n)).toBe(1n);
      expect(atomic.fetchAnd(8, 3n)).toBe(7n);
      expect(atomic.fetchXor(8, 1n)).toBe(3n);
      expect([...words]).toEqual([0n, 2n, 0n, 0n, 0n, 0n, 0n, 0n]);
      expect(() => atomic.add(4, 1n)).toThrow(RangeError);
      expect(() => atomic.add(0, 2n ** 64n)).toThrow(RangeError);
      expect(() => atomic.add(0, 1 as never)).toThrow(TypeError);
    });

    test("atomic operations of 32 bits", () => {
      using loop = new UcxLoop({ ucx, enableRma: true });
      const { worker, near } = loop;
      using memory = worker.registerMemory(16);
      using remote = worker.importMemory(near, memory.exportKey());
      const words = new Uint32Array(memory.bytes.buffer as ArrayBuffer, 0, 4);
      const { atomics32: atomic } = remote;
      atomic.add(4, -1);
      remote.flush();
      expect(atomic.fetchAdd(4, 3)).toBe(2 ** 32 - 1);
      expect(atomic.swap(4, 2 ** 31)).toBe(2);
      expect(atomic.compareSwap(4, 7, 8)).toBe(2 ** 31);
      expect(atomic.compareSwap(4, 2 ** 31, 8)).toBe(2 ** 31);
      atomic.or(4, 3);
      atomic.and(4, 9);
      atomic.xor(4, 1);
      remote.flush();
      expect(atomic.fetchOr(4, 1)).toBe(8);
      expect(atomic.fetchAnd(4, 1)).toBe(9);
      expect(atomic.fetchXor(4, 3)).toBe(1);
      expect([...words]).toEqual([0, 2, 0, 0]);
      expect(() => atomic.add(2, 1)).toThrow(RangeError);
      expect(() => atomic.add(0, 2 ** 32)).toThrow(RangeError);
      expect(() => atomic.add(0, 0.5)).toThrow(RangeError);
    });

    test("a key is refused when it is cut, changed, or of somebody else", () => {
      using loop = new UcxLoop({ ucx, enableRma: true });
      using other = new UcxWorker({ ucx, enableRma: true });
      const { worker, near } = loop;
      using memory = worker.registerMemory(100);
      const key = memory.exportKey();
      for (let length = 0; length < key.length; length++)
        expect(() =>
          worker.importMemory(near, key.subarray(0, length)),
        ).toThrow(UcxInvalidKeyError);
      for (let index = 0; index < key.length; index++) {
        const changed = key.slice();
        changed[index] = (changed[index] ?? 0) ^ 0x40;
        expect(() => worker.importMemory(near, changed)).toThrow(
          UcxInvalidKeyError,
        );
      }
      expect(() => worker.importMemory(near, patternBytes(200))).toThrow(
        UcxInvalidKeyError,
      );
      using foreign = other.registerMemory(100);
      expect(() => worker.importMemory(near, foreign.exportKey())).toThrow(
        UcxInvalidKeyError,
      );
      expect(() => worker.importMemory(99, key)).toThrow(UcxNotConnectedError);
      worker.importMemory(near, key).close();
    });

    test("memory that may only be read is not written", () => {
      using loop = new UcxLoop({ ucx, enableRma: true });
      const { worker, near } = loop;
      using memory = worker.registerMemory(patternBytes(100), {
        access: "read",
      });
      using remote = worker.importMemory(near, memory.exportKey());
      const got = empty(100);
      remote.get(got);
      expect(got).toEqual(patternBytes(100));
      expect(() => remote.put(empty(1))).toThrow(UcxUnsupportedError);
      expect(() => remote.atomics32.add(0, 1)).toThrow(UcxUnsupportedError);
      expect(() =>
        worker.registerMemory(8, { access: "write" as never }),
      ).toThrow(TypeError);
    });

    test("whatever is closed first, the rest says so, and views are empty", () => {
      using loop = new UcxLoop({ ucx, enableRma: true });
      const { worker, near, far } = loop;
      const memory = worker.registerMemory(100);
      const { bytes } = memory;
      const remote = worker.importMemory(near, memory.exportKey());
      const second = worker.importMemory(far, memory.exportKey());
      remote.close();
      remote.close();
      expect(() => remote.put(empty(1))).toThrow(UcxClosedError);
      second.put(patternBytes(10));
      worker.cleanupAll();
      expect(() => second.put(empty(1))).toThrow(UcxNotConnectedError);
      expect(() => second.flush()).toThrow(UcxNotConnectedError);
      expect(() => second.fence()).toThrow(UcxNotConnectedError);
      second.close();
      expect(bytes.slice(0, 10)).toEqual(patternBytes(10));
      worker.close();
      expect(bytes.length).toBe(0);
      expect(() => memory.bytes).toThrow(UcxClosedError);
      expect(() => memory.exportKey()).toThrow(UcxClosedError);
      memory.close();
    });
  });
}

describe("UCX memory", () => {
  test("shared memory is seen directly, other memory is not", () => {
    using loop = new UcxLoop({
      ucx: loopTransports["shared memory"],
      enableRma: true,
    });
    const { worker, near } = loop;
    using memory = worker.registerMemory(100_000);
    using remote = worker.importMemory(near, memory.exportKey());
    const view = remote.view();
    expect(view.length).toBe(100_000);
    memory.bytes[5] = 7;
    expect(view[5]).toBe(7);
    view[99_999] = 8;
    expect(memory.bytes[99_999]).toBe(8);
    remote.close();
    expect(view.length).toBe(0);
    using heap = worker.registerMemory(empty(100));
    using remoteHeap = worker.importMemory(near, heap.exportKey());
    expect(() => remoteHeap.view()).toThrow(UcxUnsupportedError);
  });

  test("over TCP nothing is seen directly", () => {
    using loop = new UcxLoop({ ucx: loopTransports.tcp, enableRma: true });
    using memory = loop.worker.registerMemory(100);
    using remote = loop.worker.importMemory(loop.near, memory.exportKey());
    expect(() => remote.view()).toThrow(UcxUnsupportedError);
  });

  test("is refused where it is turned off, here or there", () => {
    const ucx = loopTransports.tcp;
    using loop = new UcxLoop({ ucx });
    expect(() => loop.worker.registerMemory(8)).toThrow(
      UcxFeatureDisabledError,
    );
    expect(() => loop.worker.importMemory(loop.near, empty(50))).toThrow(
      UcxFeatureDisabledError,
    );
  });

  test("refuses memory that is none, or may go away", () => {
    using worker = new UcxWorker({ ucx: loopTransports.tcp, enableRma: true });
    for (const size of [0, -1, 0.5, Number.NaN, 2 ** 60])
      expect(() => worker.registerMemory(size)).toThrow(Error);
    expect(() => worker.registerMemory(empty(0))).toThrow(RangeError);
    expect(() =>
      worker.registerMemory(
        new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 })),
      ),
    ).toThrow(TypeError);
    expect(() => worker.registerMemory("8" as never)).toThrow(TypeError);
  });
});

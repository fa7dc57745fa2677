import {
  buffersMax,
  checkBuffer,
  checkData,
  dataBytes,
  type MemoryType,
  NativeData,
} from "../../../src/ucx/core/buffers.ts";
import { NativeSizes } from "../../../src/ucx/core/native_sizes.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("memory for UCX", () => {
  test("is refused when it is detached, resizable or growable", () => {
    const detached = new Uint8Array(new ArrayBuffer(8));
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(() => checkBuffer(detached, "data")).toThrow("detached");
    const resizable = new ArrayBuffer(8, { maxByteLength: 16 });
    expect(() => checkBuffer(new Uint8Array(resizable), "data")).toThrow(
      "resizable",
    );
    const growable = new SharedArrayBuffer(8, { maxByteLength: 16 });
    expect(() => checkBuffer(new Uint8Array(growable), "data")).toThrow(
      "growable",
    );
    checkBuffer(new Uint8Array(new SharedArrayBuffer(8)), "data");
    checkBuffer(new Uint8Array(0), "data");
  });

  test("is nothing but bytes", () => {
    for (const wrong of [null, undefined, "text", 5, new Uint16Array(2)])
      expect(() => checkBuffer(wrong as unknown as Uint8Array, "data")).toThrow(
        TypeError,
      );
  });

  test("in several pieces is one message, up to a number of them", () => {
    const piece = new Uint8Array(3);
    expect(dataBytes([piece, piece])).toBe(6);
    const many = Array.from({ length: buffersMax + 1 }, () => piece);
    expect(() => checkData(many, "data")).toThrow(RangeError);
    checkData(many.slice(1), "data");
    expect(() =>
      checkData([piece, "x" as unknown as Uint8Array], "data"),
    ).toThrow("data[1]");
  });

  test("that is not JavaScript's has an address, a length and a known type", () => {
    const data = new NativeData({ address: 4096n, byteLength: 7 }, "data");
    expect(Number(data.handle)).toBe(4096);
    expect(dataBytes(data)).toBe(7);
    const wrong = [
      { address: -1, byteLength: 1 },
      { address: 1, byteLength: 0.5 },
      { address: 2n ** 60n, byteLength: 1 },
    ];
    for (const memory of wrong)
      expect(() => new NativeData(memory, "data")).toThrow(RangeError);
    expect(
      () =>
        new NativeData(
          { address: 1, byteLength: 1, memoryType: "disk" as MemoryType },
          "data",
        ),
    ).toThrow("cuda");
  });
});

test("a size is told to UCX as it is, however it is kept", () => {
  const sizes = new NativeSizes();
  for (const size of [0, 1, 4096, 4097, 65_536, 4097, 2 ** 40, 0])
    expect(Number(sizes.at(size))).toBe(size);
});

import { execFileSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { LibraryOpenError } from "../../../ffi/errors.ts";
import {
  addressOf,
  handleAt,
  handleOf,
  type NativeFunctions,
  openCallback,
  openLibrary,
  pointerAt,
  pointerOf,
  runtimeName,
  sizeAt,
  type SymbolTable,
  viewOf,
} from "../../../ffi/host.ts";
import { createNativeFixture } from "../../support/native_fixture.ts";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  test,
} from "../../support/testing.ts";

const source = `
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
int32_t first(const uint8_t *data, uint32_t length) { return data && length ? data[0] : -1; }
void *same(void *pointer) { return pointer; }
uint64_t same_u64(uint64_t value) { return value; }
int64_t same_i64(int64_t value) { return value; }
ptrdiff_t same_isize(ptrdiff_t value) { return value; }
uint32_t same_u32(uint32_t value) { return value; }
uint16_t same_u16(uint16_t value) { return value; }
uint8_t same_u8(uint8_t value) { return value; }
int8_t same_i8(int8_t value) { return value; }
int16_t same_i16(int16_t value) { return value; }
double same_f64(double value) { return value; }
float same_f32(float value) { return value; }
bool negate(bool value) { return !value; }
static uint8_t memory[8];
void *memory_at(void) { return memory; }
void nothing(void) { memory[7]++; }
int32_t relay(int32_t (*f)(void *, size_t), void *handle, size_t size) { return f(handle, size); }
int32_t apply(int32_t (*f)(void *, uint32_t), uint32_t value) { return f(NULL, value); }
`;

const symbols = {
  first: { parameters: ["buffer", "u32"], result: "i32" },
  same: { parameters: ["pointer"], result: "pointer" },
  same_u64: { parameters: ["u64"], result: "u64" },
  same_i64: { parameters: ["i64"], result: "i64" },
  same_u32: { parameters: ["u32"], result: "u32" },
  same_isize: { parameters: ["isize"], result: "isize" },
  same_u16: { parameters: ["u16"], result: "u16" },
  same_u8: { parameters: ["u8"], result: "u8" },
  same_i8: { parameters: ["i8"], result: "i8" },
  same_i16: { parameters: ["i16"], result: "i16" },
  same_f64: { parameters: ["f64"], result: "f64" },
  same_f32: { parameters: ["f32"], result: "f32" },
  negate: { parameters: ["bool"], result: "bool" },
  memory_at: { parameters: [], result: "pointer" },
  nothing: { parameters: [], result: "void" },
  apply: { parameters: ["pointer", "u32"], result: "i32" },
} as const satisfies SymbolTable;

/** The same C functions with what C calls a pointer or a size as a handle or a size. */
const handleSymbols = {
  same: { parameters: ["handle"], result: "handle" },
  same_i64: { parameters: ["i64"], result: "handle" },
  same_u64: { parameters: ["size"], result: "u64" },
  relay: { parameters: ["pointer", "handle", "size"], result: "i32" },
} as const satisfies SymbolTable;

/** The same C function under the kind that refuses null. */
const strictSymbols = {
  first: { parameters: ["bytes", "u32"], result: "i32" },
} as const satisfies SymbolTable;

const fixture = createNativeFixture();
let library: NativeFunctions<typeof symbols>;
let path: string;

beforeAll(() => {
  path = fixture.compile("host", source);
  library = openLibrary(path, symbols);
});
afterAll(() => fixture.remove());

describe("openLibrary", () => {
  test("passes numbers unchanged at their limits", () => {
    expect(library.same_u8(255)).toBe(255);
    expect(library.same_i8(-128)).toBe(-128);
    expect(library.same_u16(65535)).toBe(65535);
    expect(library.same_i16(-32768)).toBe(-32768);
    expect(library.same_u32(0xffffffff)).toBe(0xffffffff);
    expect(library.same_f64(2 ** 53)).toBe(2 ** 53);
    expect(library.same_f32(1.5)).toBe(1.5);
    expect(library.negate(true)).toBe(false);
    expect(library.nothing()).toBeUndefined();
  });

  test("takes and gives 64-bit numbers as number or bigint", () => {
    for (const value of [0, 5, 2 ** 53 - 1]) {
      expect(Number(library.same_u64(value))).toBe(value);
      expect(Number(library.same_i64(-value))).toBe(0 - value);
    }
    expect(Number(library.same_isize(-7))).toBe(-7);
    expect(BigInt(library.same_u64(2n ** 64n - 1n))).toBe(2n ** 64n - 1n);
    expect(BigInt(library.same_i64(-(2n ** 63n)))).toBe(-(2n ** 63n));
  });

  test("passes views by the address of their first byte, and null", () => {
    const bytes = new Uint8Array([1, 2, 3]);
    expect(library.first(bytes, 3)).toBe(1);
    expect(library.first(bytes.subarray(1), 2)).toBe(2);
    expect(library.first(new DataView(bytes.buffer, 2), 1)).toBe(3);
    expect(library.first(new Uint8Array(new SharedArrayBuffer(2)), 2)).toBe(0);
    expect(library.first(new Uint8Array(0), 0)).toBe(-1);
    expect(library.first(null, 0)).toBe(-1);
    const strict = openLibrary(path, strictSymbols);
    expect(strict.first(bytes.subarray(2), 1)).toBe(3);
  });

  test("looks a bare name up in the system", () => {
    const libc = openLibrary("libc.so.6", {
      getpid: { parameters: [], result: "i32" },
    });
    expect(libc.getpid()).toBe(process.pid);
  });

  test("names a missing file and a missing symbol", () => {
    expect(() => openLibrary("/nowhere/libnothing.so", symbols)).toThrow(
      LibraryOpenError,
    );
    expect(() => openLibrary("/nowhere/libnothing.so", symbols)).toThrow(
      "/nowhere/libnothing.so",
    );
    expect(() =>
      openLibrary(path, { no_such_symbol: { parameters: [], result: "void" } }),
    ).toThrow("no_such_symbol");
  });

  test("a nonblocking call gives a promise in Deno and is refused in Bun", async () => {
    const table = {
      same_u32: { parameters: ["u32"], result: "u32", nonblocking: true },
    } as const satisfies SymbolTable;
    if (runtimeName() === "bun") {
      expect(() => openLibrary(path, table)).toThrow("same_u32");
    } else {
      const call = openLibrary(path, table).same_u32(7);
      expect(call).toBeInstanceOf(Promise);
      expect(await call).toBe(7);
    }
  });

  test("hands out the functions of the runtime, without a wrapper", () => {
    expect(library.nothing.toString()).toContain("[native code]");
  });
});

describe("pointers", () => {
  test("survive a round trip through C and through a number", () => {
    const bytes = new Uint8Array(16);
    const pointer = pointerOf(bytes);
    expect(addressOf(library.same(pointer))).toBe(addressOf(pointer));
    expect(addressOf(pointerAt(addressOf(pointer)))).toBe(addressOf(pointer));
    expect(addressOf(pointerAt(Number(addressOf(pointer))))).toBe(
      addressOf(pointer),
    );
  });

  test("null is null everywhere", () => {
    expect(library.same(null)).toBeNull();
    expect(pointerAt(0)).toBeNull();
    expect(pointerAt(0n)).toBeNull();
    expect(addressOf(null)).toBe(0n);
    expect(pointerOf(new Uint8Array(0))).toBeNull();
  });

  test("refuse what is no address", () => {
    for (const wrong of [-1, 2 ** 53, Number.NaN, 1.5, 2n ** 64n]) {
      expect(() => pointerAt(wrong)).toThrow(RangeError);
    }
  });

  test("of a small view stay good when its buffer is read later", () => {
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const pointer = pointerOf(bytes);
    const part = bytes.subarray(1);
    expect(addressOf(pointerOf(part))).toBe(addressOf(pointer) + 1n);
    if (pointer === null) throw new Error("no pointer");
    new Uint8Array(viewOf(pointer, 4))[1] = 77;
    expect(bytes[1]).toBe(77);
    expect(part[0]).toBe(77);
  });
});

describe("handles", () => {
  test("have the runtime's own form, also out of C", () => {
    const form = runtimeName() === "bun" ? "number" : "bigint";
    const { same, same_i64: fromNumber } = openLibrary(path, handleSymbols);
    for (const address of [0, 1, 2 ** 31, 2 ** 32 + 8, 2 ** 47 - 1]) {
      const handle = handleAt(address);
      expect(typeof handle).toBe(form);
      expect(handleAt(BigInt(address))).toBe(handle);
      expect(same(handle)).toBe(handle);
      expect(BigInt(same(address))).toBe(BigInt(address));
    }
    for (const status of [-1, -100]) {
      expect(fromNumber(status) < 0).toBe(true);
      expect(fromNumber(status)).toBe(handleAt(status));
    }
  });

  test("of a view are its address, and none is falsy", () => {
    const bytes = new Uint8Array(new ArrayBuffer(16));
    expect(BigInt(handleOf(bytes))).toBe(addressOf(pointerOf(bytes)));
    expect(BigInt(handleOf(bytes.subarray(3)))).toBe(
      BigInt(handleOf(bytes)) + 3n,
    );
    expect(!handleOf(new Uint8Array(0))).toBe(true);
    expect(!openLibrary(path, handleSymbols).same(handleAt(0))).toBe(true);
  });

  test("of a small view stay good when its buffer is read later", () => {
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const handle = handleOf(bytes);
    expect(handleOf(new Uint8Array(bytes.buffer))).toBe(handle);
  });

  test("sizes go into C unchanged", () => {
    const { same_u64: same } = openLibrary(path, handleSymbols);
    for (const size of [0, 5, 2 ** 32 + 1, 2 ** 53 - 1]) {
      expect(Number(same(sizeAt(size)))).toBe(size);
      expect(Number(same(size))).toBe(size);
    }
  });

  test("reach a callback in the same form", () => {
    const { relay } = openLibrary(path, handleSymbols);
    const seen: unknown[] = [];
    using callback = openCallback(
      { parameters: ["handle", "size"], result: "i32" },
      (handle, size) => {
        seen.push(handle, Number(size));
        return 6;
      },
    );
    const handle = handleAt(2 ** 40 + 1);
    expect(relay(callback.pointer, handle, sizeAt(12))).toBe(6);
    expect(relay(callback.pointer, handleAt(0), sizeAt(0))).toBe(6);
    expect(seen).toEqual([handle, 12, handleAt(0), 0]);
  });
});

describe("viewOf", () => {
  test("shows native memory without a copy", () => {
    const pointer = library.memory_at();
    if (pointer === null) throw new Error("no memory");
    const view = new Uint8Array(viewOf(pointer, 8));
    expect(view).toHaveLength(8);
    const before = view[7] ?? 0;
    library.nothing();
    expect(view[7]).toBe(before + 1);
    view[0] = 9;
    expect(new Uint8Array(viewOf(pointer, 1))[0]).toBe(9);
    expect(viewOf(pointer, 0).byteLength).toBe(0);
  });

  test("refuses a length that is none", () => {
    const pointer = library.memory_at();
    if (pointer === null) throw new Error("no memory");
    expect(() => viewOf(pointer, -1)).toThrow(RangeError);
    expect(() => viewOf(pointer, 0.5)).toThrow(RangeError);
  });
});

describe("openCallback", () => {
  test("lets qsort compare in JavaScript", () => {
    const libc = openLibrary("libc.so.6", {
      // void qsort(void *base, size_t nmemb, size_t size, int (*compar)(const void *, const void *));
      qsort: {
        parameters: ["buffer", "usize", "usize", "pointer"],
        result: "void",
      },
    });
    const numbers = new Int32Array([5, -3, 9, 0, 5]);
    using compare = openCallback(
      { parameters: ["pointer", "pointer"], result: "i32" },
      (a, b) => {
        if (a === null || b === null) return 0;
        const left = new Int32Array(viewOf(a, 4))[0] ?? 0;
        const right = new Int32Array(viewOf(b, 4))[0] ?? 0;
        return left - right;
      },
    );
    libc.qsort(numbers, numbers.length, 4, compare.pointer);
    expect([...numbers]).toEqual([-3, 0, 5, 5, 9]);
  });

  test("gives null for the null pointer, and closes twice", () => {
    let seen: unknown = "nothing";
    const callback = openCallback(
      { parameters: ["pointer", "u32"], result: "i32" },
      (pointer, value) => {
        seen = pointer;
        return value + 1;
      },
    );
    expect(library.apply(callback.pointer, 41)).toBe(42);
    expect(seen).toBeNull();
    callback.close();
    callback.close();
  });
});

describe("runtimes", () => {
  test("this one is named", () => {
    expect(runtimeName()).toBe("Bun" in globalThis ? "bun" : "deno");
  });

  test("another one can import the module, and is told on first use", () => {
    const host = fileURLToPath(
      new URL("../../../ffi/host.ts", import.meta.url),
    );
    // Node 20 cannot strip types: ask Bun for JavaScript.
    const script = execFileSync("bun", [
      "build",
      "--target=node",
      "--format=esm",
      host,
    ]).toString();
    const body = `${script}\ntry { runtimeName(); } catch (error) { console.log(error.name, error.message); }`;
    const said = execFileSync("node", ["--input-type=module", "-"], {
      input: body,
    }).toString();
    expect(said).toMatch(/^UnsupportedRuntimeError .*Bun or Deno.*node v\d/);
  });
});

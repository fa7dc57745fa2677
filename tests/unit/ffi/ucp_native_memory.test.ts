import { handleAt, handleOf, openLibrary } from "../../../ffi/host.ts";
import {
  capturePrinted,
  copyInto,
  copyOf,
  cString,
  textAt,
  viewAt,
} from "../../../ffi/ucp/native_memory.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("native memory", () => {
  test("is copied out, as much as was asked for", () => {
    const source = new Uint8Array([1, 2, 3, 4]);
    const target = new Uint8Array(3);
    copyInto(target, handleOf(source), 2);
    expect([...target]).toEqual([1, 2, 0]);
    expect([...copyOf(handleOf(source), 4n)]).toEqual([1, 2, 3, 4]);
    expect(copyOf(handleAt(0), 0)).toHaveLength(0);
    expect(() => copyInto(target, handleOf(source), 4)).toThrow(RangeError);
    expect([...target]).toEqual([1, 2, 0]);
  });

  test("is seen without a copy", () => {
    const source = new Uint8Array(new ArrayBuffer(8));
    const view = viewAt(handleOf(source), 8);
    source[3] = 9;
    expect(view[3]).toBe(9);
    expect(viewAt(handleAt(0), 8)).toHaveLength(0);
  });

  test("holds text that ends with a zero", () => {
    expect([...cString("é")]).toEqual([0xc3, 0xa9, 0]);
    expect(textAt(handleOf(cString("grün")))).toBe("grün");
    expect(textAt(handleOf(cString("")))).toBe("");
    expect(textAt(handleAt(0))).toBe("");
    expect(() => cString("a\0b")).toThrow(RangeError);
  });

  test("is what C prints into", () => {
    const { fputs } = openLibrary("libc.so.6", {
      // int fputs(const char *s, FILE *stream);
      fputs: { parameters: ["bytes", "handle"], result: "i32" },
    });
    const long = "line of text\n".repeat(10_000);
    expect(
      capturePrinted((stream) => {
        fputs(cString(long), stream);
        fputs(cString("end"), stream);
      }),
    ).toBe(`${long}end`);
    expect(capturePrinted(() => {})).toBe("");
    expect(() =>
      capturePrinted(() => {
        throw new TypeError("no");
      }),
    ).toThrow(TypeError);
  });
});

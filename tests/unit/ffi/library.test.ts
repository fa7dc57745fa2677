import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import {
  type FfiError,
  LibraryNotFoundError,
  LibraryVersionError,
} from "../../../ffi/errors.ts";
import { openLibrary, type SymbolTable } from "../../../ffi/host.ts";
import {
  besideModule,
  openNativeLibrary,
  registerEmbeddedLibrary,
} from "../../../ffi/library.ts";
import { isLoaded, withMemoryFile } from "../../../ffi/memory_file.ts";
import { createNativeFixture } from "../../support/native_fixture.ts";
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  test,
} from "../../support/testing.ts";

const variable = "RINGWIRE_TEST_LIBRARY";
const symbols = {
  answer: { parameters: [], result: "i32" },
} as const satisfies SymbolTable;

const fixture = createNativeFixture();
const paths = { good: "", newer: "", old: "", major: "", partial: "" };

function sourceOf(major: number, minor: number, answer: number): string {
  return `#include <stdint.h>
    uint32_t test_abi(void) { return ${major}u << 16 | ${minor}u; }
    int32_t answer(void) { return ${answer}; }`;
}

function request(name: string) {
  return {
    name,
    environmentVariable: variable,
    abi: { symbol: "test_abi", major: 2, minor: 3 },
    symbols,
  } as const;
}

function failure(run: () => unknown): FfiError {
  try {
    run();
  } catch (error) {
    return error as FfiError;
  }
  throw new Error("nothing was thrown");
}

beforeAll(() => {
  paths.good = fixture.compile("good", sourceOf(2, 3, 1));
  paths.newer = fixture.compile("newer", sourceOf(2, 9, 2));
  paths.old = fixture.compile("old", sourceOf(2, 2, 3));
  paths.major = fixture.compile("major", sourceOf(3, 3, 4));
  paths.partial = fixture.compile(
    "partial",
    "unsigned test_abi(void) { return 2u << 16 | 3u; }",
  );
});
afterEach(() => {
  delete process.env[variable];
});
afterAll(() => fixture.remove());

describe("openNativeLibrary - order of places", () => {
  test("an explicit path comes before the environment", () => {
    process.env[variable] = paths.newer;
    const found = openNativeLibrary({ ...request("a"), path: paths.good });
    expect(found.origin).toBe("explicit");
    expect(found.path).toBe(paths.good);
    expect(found.functions.answer()).toBe(1);
  });

  test("the environment comes before the embedded one", () => {
    registerEmbeddedLibrary("b", paths.good);
    process.env[variable] = paths.newer;
    const found = openNativeLibrary(request("b"));
    expect(found.origin).toBe("environment");
    expect(found.abi).toEqual({ major: 2, minor: 9 });
  });

  test("the embedded one is used when nothing is given, also as a URL", () => {
    registerEmbeddedLibrary("c", pathToFileURL(paths.newer).href);
    const found = openNativeLibrary(request("c"));
    expect(found.origin).toBe("embedded");
    expect(found.functions.answer()).toBe(2);
  });

  test("the system is searched by file name", () => {
    const found = openNativeLibrary({
      name: "of-the-system",
      systemNames: ["libno-such-thing.so", "libc.so.6"],
      // Stands in for a version: a number that is known here.
      abi: { symbol: "getpid", major: process.pid >>> 16, minor: 0 },
      symbols: { getppid: { parameters: [], result: "i32" } },
    });
    expect(found.origin).toBe("system");
    expect(found.path).toBe("libc.so.6");
    expect(found.functions.getppid()).toBe(process.ppid);
  });

  test("beside a module that is no file nothing is looked for, and why is said", () => {
    expect(besideModule("file:///a%20b/ffi/library.ts", "libx.so")).toEqual({
      origin: "beside",
      path: "/a b/build/libx.so",
    });
    const { path, unusable } = besideModule(
      "https://example.org/ffi/library.ts",
      "libx.so",
    );
    expect(path).toBe("https://example.org/build/libx.so");
    expect(unusable).toMatch(/not a file .*https:/);
  });

  test("an empty variable is no variable", () => {
    process.env[variable] = "";
    registerEmbeddedLibrary("d", paths.good);
    expect(openNativeLibrary(request("d")).origin).toBe("embedded");
  });
});

describe("openNativeLibrary - caching", () => {
  test("the same request gives the same object", () => {
    const wanted = { ...request("e"), path: paths.good };
    expect(openNativeLibrary(wanted)).toBe(openNativeLibrary({ ...wanted }));
  });

  test("another version is checked again", () => {
    const wanted = { ...request("e"), path: paths.good };
    openNativeLibrary(wanted);
    const abi = { ...wanted.abi, minor: 4 };
    expect(() => openNativeLibrary({ ...wanted, abi })).toThrow(
      LibraryVersionError,
    );
  });

  test("a failure is not remembered", () => {
    const path = join(fixture.directory, "liblate.so");
    const wanted = { ...request("f"), path };
    expect(() => openNativeLibrary(wanted)).toThrow(LibraryNotFoundError);
    writeFileSync(path, readFileSync(paths.good));
    expect(openNativeLibrary(wanted).functions.answer()).toBe(1);
  });
});

describe("openNativeLibrary - failures", () => {
  test("a missing one names every place, the reasons and the remedy", () => {
    const error = failure(() => openNativeLibrary(request("no-such")));
    expect(error).toBeInstanceOf(LibraryNotFoundError);
    expect(error.code).toBe("LIBRARY_NOT_FOUND");
    expect(error.message).toMatch(/beside \S+build\/libno-such\.so: .*No such/);
    expect(error.message).toMatch(/system libno-such\.so: /);
    expect(error.message).toContain("make shim");
    expect(error.message).toContain(variable);
  });

  test("a path that was given is not silently replaced", () => {
    registerEmbeddedLibrary("g", paths.good);
    process.env[variable] = "/nowhere/libg.so";
    const error = failure(() => openNativeLibrary(request("g")));
    expect(error).toBeInstanceOf(LibraryNotFoundError);
    expect(error.message).toContain("environment /nowhere/libg.so");
    expect(error.message).not.toContain("embedded");
  });

  test("an older minor and another major are refused by number", () => {
    for (const [path, found] of [
      [paths.old, "2.2"],
      [paths.major, "3.3"],
    ] as const) {
      const error = failure(() => openNativeLibrary({ ...request("h"), path }));
      expect(error).toBeInstanceOf(LibraryVersionError);
      expect(error.message).toContain(`its ABI is ${found}`);
      expect(error.message).toContain("needs 2.3");
    }
  });

  test("one that lacks a symbol, and a file that is no library, say so", () => {
    const partial = failure(() =>
      openNativeLibrary({ ...request("i"), path: paths.partial }),
    );
    expect(partial.message).toContain("answer");
    const text = join(fixture.directory, "text.so");
    writeFileSync(text, "no library");
    const noLibrary = failure(() =>
      openNativeLibrary({ ...request("i"), path: text }),
    );
    expect(noLibrary).toBeInstanceOf(LibraryNotFoundError);
    expect(noLibrary.message).toContain("text.so");
  });
});

describe("withMemoryFile", () => {
  test("loads a library from bytes, which outlives the file", () => {
    const bytes = new Uint8Array(readFileSync(paths.newer));
    const library = withMemoryFile("from-bytes", bytes, (path) =>
      openLibrary(path, symbols),
    );
    expect(library.answer()).toBe(2);
  });

  test("tells two libraries apart although they had the same descriptor", () => {
    const answers = [paths.good, paths.newer].map((path) =>
      withMemoryFile("one-of-two", new Uint8Array(readFileSync(path)), (file) =>
        openLibrary(file, symbols).answer(),
      ),
    );
    expect(answers).toEqual([1, 2]);
  });

  test("closes its descriptor, also when the use of it fails", () => {
    let inside = "";
    expect(() =>
      withMemoryFile("x", new Uint8Array([1, 2]), (path) => {
        inside = path;
        expect([...readFileSync(path)]).toEqual([1, 2]);
        throw new Error("as planned");
      }),
    ).toThrow("as planned");
    expect(() => readFileSync(inside)).toThrow();
  });

  test("a loaded library is known by its soname", () => {
    const path = fixture.compile(
      "named",
      sourceOf(2, 3, 5),
      "-Wl,-soname,libnamed-for-test.so.2",
    );
    expect(isLoaded("libnamed-for-test.so.2")).toBe(false);
    openLibrary(path, symbols);
    expect(isLoaded("libnamed-for-test.so.2")).toBe(true);
    expect(openLibrary("libnamed-for-test.so.2", symbols).answer()).toBe(5);
  });
});

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SymbolTable } from "../../../ffi/host.ts";
import { constantGroups } from "../../../ffi/ucp/constants.ts";
import { type StructLayout, ucpLayout } from "../../../ffi/ucp/layout.ts";
import { ucsStatuses } from "../../../ffi/ucp/status.ts";
import { ucpAddressSymbols, ucpSymbols } from "../../../ffi/ucp/symbols.ts";
import { createNativeFixture } from "../../support/native_fixture.ts";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  test,
} from "../../support/testing.ts";

const fixture = createNativeFixture();
const compiled = new Map<string, readonly number[]>();

function fileOf(path: string): string {
  return fileURLToPath(new URL(`../../../ffi/${path}`, import.meta.url));
}

beforeAll(() => {
  const probe = join(fixture.directory, "probe");
  execFileSync("cc", [
    "-std=c11",
    "-o",
    probe,
    fileOf("c/tests/ucp_layout_test.c"),
  ]);
  const printed = execFileSync(probe, ["everything"], { encoding: "utf8" });
  for (const line of printed.trimEnd().split("\n")) {
    const [name = "", ...numbers] = line.split(" ");
    compiled.set(name, numbers.map(Number));
  }
});
afterAll(() => fixture.remove());

/** Every entry of ours, as the probe prints it. */
function listEntries(): Map<string, readonly number[]> {
  const entries = new Map<string, readonly number[]>();
  const structs: [string, StructLayout][] = Object.entries(ucpLayout);
  for (const [name, { size, fields }] of structs) {
    entries.set(name, [size]);
    for (const [field, at] of Object.entries(fields)) {
      entries.set(`${name}.${field}`, [at.offset, at.size]);
    }
  }
  for (const [group, values] of Object.entries(constantGroups)) {
    for (const [name, value] of Object.entries(values)) {
      entries.set(`${group}_${name}`, [value]);
    }
  }
  for (const { name, code } of ucsStatuses) entries.set(name, [code]);
  return entries;
}

describe("ucp layout", () => {
  test("every offset, size and number is the compiler's, and each one was asked for", () => {
    const ours = listEntries();
    expect(ours.size).toBeGreaterThan(300);
    const [major = 0, minor = 0] = compiled.get("headers") ?? [];
    for (const [name, numbers] of ours) {
      const theirs = compiled.get(name) ?? [];
      const [size = 0] = theirs;
      // Later headers append fields to structures.
      const mayBeLonger = major === 1 && minor > 13 && name in ucpLayout;
      const expected =
        mayBeLonger && size > (numbers[0] ?? 0) ? theirs : numbers;
      expect([name, ...theirs]).toEqual([name, ...expected]);
    }
    const probed = [...compiled.keys()].filter((name) => name !== "headers");
    expect(probed.sort()).toEqual([...ours.keys()].sort());
  });
});

interface Declaration {
  readonly text: string;
  readonly name: string;
  readonly parameters: readonly string[];
  readonly result: string;
}

/** The C declarations in the comments of the symbol table; those of callbacks name a pointer and are left out. */
function readDeclarations(): Declaration[] {
  const source = readFileSync(fileOf("ucp/symbols.ts"), "utf8");
  const pattern = /^\s*\/\/ ((\w[\w ]*?[ *]+)(ucp_\w+)\((.*)\);)$/gm;
  return [...source.matchAll(pattern)].map((match) => {
    const [, text = "", result = "", name = "", parameters = ""] = match;
    return {
      text,
      name,
      result: result.trim(),
      parameters: parameters === "void" ? [] : parameters.split(", "),
    };
  });
}

const handleTypes = /^ucp_\w+_h$/;

/** Kinds that fit a C type. */
function kindsOf(type: string, isResult: boolean): readonly string[] {
  if (type === "void") return ["void"];
  if (type === "ucs_status_t") return ["i8"];
  if (type === "ucs_status_ptr_t" || handleTypes.test(type)) return ["handle"];
  if (type.includes("*")) {
    return isResult ? ["handle"] : ["handle", "bytes", "buffer"];
  }
  if (type === "size_t") return ["size"];
  if (type === "ssize_t") return ["isize"];
  if (type === "uint64_t") return ["u64"];
  // A tag that is a number passes faster as a handle in Bun.
  if (type === "ucp_tag_t") return ["handle"];
  if (type === "unsigned" || type === "ucs_config_print_flags_t") {
    return ["u32"];
  }
  if (type === "int" || type === "ucp_atomic_op_t") return ["i32"];
  throw new Error(`what is ${type}?`);
}

/** `const void *buffer` without its last word. */
function typeOf(parameter: string): string {
  return parameter
    .replace(/^const /, "")
    .replace(/\w+$/, "")
    .trim();
}

describe("ucp symbols", () => {
  test("the declarations beside them are those of the headers", () => {
    const declarations = readDeclarations();
    expect(declarations.map(({ name }) => name).sort()).toEqual(
      Object.keys(ucpSymbols).sort(),
    );
    const source = join(fixture.directory, "declarations.c");
    const lines = declarations.map(({ text }) => text);
    writeFileSync(source, `#include <ucp/api/ucp.h>\n${lines.join("\n")}\n`);
    // A declaration that contradicts an earlier one is an error.
    execFileSync("cc", ["-std=c11", "-fsyntax-only", source], {
      stdio: "pipe",
    });
  });

  test("their kinds are what the declarations say", () => {
    for (const { name, parameters, result } of readDeclarations()) {
      for (const table of [ucpSymbols, ucpAddressSymbols]) {
        const { [name]: signature } = table as SymbolTable;
        if (signature === undefined) continue;
        expect([name, signature.parameters.length]).toEqual([
          name,
          parameters.length,
        ]);
        expect([name, kindsOf(result, true)]).toEqual([
          name,
          [signature.result],
        ]);
        for (const [index, kind] of signature.parameters.entries()) {
          const parameter = parameters[index] ?? "";
          const fits = kindsOf(typeOf(parameter), false).includes(kind);
          expect([name, parameter, kind, fits]).toEqual([
            name,
            parameter,
            kind,
            true,
          ]);
        }
      }
    }
  });
});

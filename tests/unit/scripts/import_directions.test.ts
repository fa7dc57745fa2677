import {
  findCycles,
  findWrongDirections,
  readImports,
} from "../../../scripts/import_directions.ts";
import { describe, expect, test } from "../../support/testing.ts";

function judge(path: string, text: string): string[] {
  return findWrongDirections([readImports(path, text)]);
}

describe("import directions", () => {
  const right: Array<[string, string]> = [
    ["src/queue/queue.ts", "../base/errors.ts"],
    ["src/queue/queue.ts", "../../ffi/host.ts"],
    ["src/queue/queue.ts", "./message.ts"],
    ["src/mod.ts", "./queue/mod.ts"],
    ["src/transport/protocols/ucx.ts", "../../ucx/worker.ts"],
    ["src/transport/protocols/ucx/adapter.ts", "../../../ucx/worker.ts"],
    ["src/transport/registry.ts", "./protocols/ucx.ts"],
    ["cmd/queue-worker.ts", "../src/queue/mod.ts"],
    ["cmd/version.ts", "../package.json"],
    ["tests/unit/ffi/host.test.ts", "../../../ffi/host.ts"],
  ];
  for (const [path, specifier] of right) {
    test(`${path} may import ${specifier}`, () => {
      expect(judge(path, `import { a } from "${specifier}";`)).toEqual([]);
    });
  }

  const wrong: Array<[string, string]> = [
    ["ffi/host.ts", "../src/base/errors.ts"],
    ["src/base/errors.ts", "../resilience/retry.ts"],
    ["src/transport/session.ts", "../ucx/worker.ts"],
    ["src/transport/protocols/tcp.ts", "../../ucx/worker.ts"],
    ["src/queue/queue.ts", "../observe/metrics.ts"],
    ["src/admin/app.ts", "../../cmd/flags.ts"],
    ["src/admin/app.ts", "../../ffi/host.ts"],
    ["src/queue/queue.ts", "../../tests/support/testing.ts"],
    ["src/attic/old.ts", "./other.ts"],
  ];
  for (const [path, specifier] of wrong) {
    test(`${path} may not import ${specifier}`, () => {
      const violations = judge(path, `import { a } from "${specifier}";`);
      expect(violations).toHaveLength(1);
      expect(violations[0]).toContain(path);
    });
  }

  test("every form of an import is seen", () => {
    const forms = [
      'import "./a.ts";',
      'import a from "./a.ts";',
      'import type {\n  A,\n  B,\n} from "./a.ts";',
      'export * from "./a.ts";',
      'export { a } from "./a.ts";',
      'const a = await import("./a.ts");',
      'import a from "./a.ts" with { type: "file" };',
    ];
    for (const form of forms) {
      expect(readImports("ffi/x.ts", form).imports).toEqual(["ffi/a.ts"]);
    }
  });

  test("a cycle is named from file to file", () => {
    const cycles = findCycles([
      { path: "a.ts", imports: ["b.ts"] },
      { path: "b.ts", imports: ["c.ts"] },
      { path: "c.ts", imports: ["b.ts"] },
    ]);
    expect(cycles).toEqual(["import cycle: b.ts -> c.ts -> b.ts"]);
  });
});

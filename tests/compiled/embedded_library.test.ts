import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createNativeFixture,
  type NativeFixture,
} from "../support/native_fixture.ts";
import { superuser, testIf } from "../support/testing.ts";

/** The counter is a C global: two copies of the library would not share it. */
const counterSource = `#include <stdint.h>
static int32_t count;
uint32_t counter_abi(void) { return 1u << 16; }
__attribute__((visibility("default"))) int32_t counter_next(void) { return __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST); }
`;

const root = join(import.meta.dir, "../..");
const libraryModule = join(root, "ffi/library.ts");

const mainSource = `
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { open } from "./counter.ts";
const library = open();
const numbers = [library.functions.counter_next()];
const mode = process.argv[2];
if (mode === "workers") {
  const one = () => new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url));
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = reject;
  });
  numbers.push(...(await Promise.all([one(), one(), one(), one()])));
}
const open_files = readdirSync("/proc/self/fd").filter((fd) => {
  try { return readlinkSync("/proc/self/fd/" + fd).includes("memfd:counter"); } catch { return false; }
});
const maps = readFileSync("/proc/self/maps", "utf8");
console.log(JSON.stringify({ numbers, origin: library.origin, openFiles: open_files.length, fromMemory: maps.includes("/memfd:counter") }));
process.exit(0);
`;

const counterModule = `
import { openNativeLibrary, registerEmbeddedLibrary } from ${JSON.stringify(libraryModule)};
import embedded from "./libcounter.so" with { type: "file" };
const symbols = { counter_next: { parameters: [], result: "i32" } } as const;
export function open() {
  registerEmbeddedLibrary("counter", embedded);
  return openNativeLibrary({
    name: "counter",
    environmentVariable: "COUNTER_LIB",
    abi: { symbol: "counter_abi", major: 1, minor: 0 },
    symbols,
  });
}
`;

const workerSource = `
import { open } from "./counter.ts";
postMessage(open().functions.counter_next());
`;

describe("a compiled program with an embedded library", () => {
  let fixture: NativeFixture;
  let program: string;

  beforeAll(() => {
    fixture = createNativeFixture();
    const { directory } = fixture;
    fixture.compile("counter", counterSource, "-Wl,-soname,libcounter.so.1");
    writeFileSync(join(directory, "main.ts"), mainSource);
    writeFileSync(join(directory, "counter.ts"), counterModule);
    writeFileSync(join(directory, "worker.ts"), workerSource);
    program = join(directory, "program");
    const built = Bun.spawnSync([
      process.execPath,
      "build",
      "--compile",
      "--minify",
      "--bytecode",
      "--format=esm",
      `--outfile=${program}`,
      join(directory, "main.ts"),
      join(directory, "worker.ts"),
    ]);
    if (!built.success) throw new Error(built.stderr.toString());
  }, 60_000);
  afterAll(() => fixture.remove());

  function run(command: string[], env: Record<string, string> = {}) {
    const result = Bun.spawnSync(command, { env, cwd: "/" });
    expect(result.stderr.toString()).toBe("");
    return JSON.parse(result.stdout.toString()) as unknown;
  }

  test("loads it from memory in an empty environment, and leaves no descriptor open", () => {
    expect(run([program])).toEqual({
      numbers: [1],
      origin: "embedded",
      openFiles: 0,
      fromMemory: true,
    });
  });

  test("shares one copy between Workers that load it at the same time", () => {
    const said = run([program, "workers"]) as { numbers: number[] };
    expect(said.numbers.toSorted()).toEqual([1, 2, 3, 4, 5]);
  });

  test("prefers a library that the environment names", () => {
    const path = join(fixture.directory, "libcounter.so");
    expect(run([program], { COUNTER_LIB: path })).toMatchObject({
      origin: "environment",
      fromMemory: false,
    });
  });

  test("does not carry the paths of the machine that built it", () => {
    const text = Bun.spawnSync(["grep", "-c", root, program]);
    expect(text.stdout.toString().trim()).toBe("0");
  });

  for (const options of ["noexec", "ro"]) {
    testIf(
      superuser,
      "to mount a file system",
      `works when every temporary directory is mounted ${options}`,
      () => {
        const script = `
          mount -t tmpfs -o ${options} none /var/tmp
          mount -t tmpfs -o ${options} none /dev/shm
          mount --bind /tmp /mnt
          mount -t tmpfs -o ${options} none /tmp
          exec "$@"`;
        const elsewhere = program.replace(/^\/tmp\//, "/mnt/");
        const said = run(
          ["unshare", "--mount", "sh", "-ec", script, "sh", elsewhere],
          { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", TMPDIR: "/tmp" },
        );
        expect(said).toMatchObject({ origin: "embedded", numbers: [1] });
      },
    );
  }
});

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory with libraries compiled for one test file. */
export interface NativeFixture {
  readonly directory: string;
  /** Compiles C source into `lib<name>.so`. @returns its path */
  compile(name: string, source: string, ...flags: string[]): string;
  remove(): void;
}

/** Makes an empty directory; `cc` does the rest. */
export function createNativeFixture(): NativeFixture {
  const directory = mkdtempSync(join(tmpdir(), "ringwire-ffi-"));
  return {
    directory,
    compile(name, source, ...flags) {
      const input = join(directory, `${name}.c`);
      const output = join(directory, `lib${name}.so`);
      writeFileSync(input, source);
      execFileSync("cc", [
        "-std=c11",
        "-O2",
        "-fPIC",
        "-shared",
        ...flags,
        "-o",
        output,
        input,
      ]);
      return output;
    },
    remove() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

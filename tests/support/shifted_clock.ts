/** A wall clock that jumps while processes run, for everything that a sandbox starts with `environment`. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "./sandbox.ts";

/** Seconds of a day. */
export const day = 86_400;

/** The clock of one sandbox. */
export interface ShiftedClock {
  /** What the processes have to be started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Sets the wall clock of all of them to the true time plus so many seconds. */
  jumpTo(seconds: number): void;
}

/** Compiles shifted_clock.c into the sandbox; the clock is right until it jumps. */
export function makeShiftedClock(sandbox: Sandbox): ShiftedClock {
  const library = sandbox.file("shifted_clock.so");
  const offset = sandbox.file("clock_offset");
  execFileSync("cc", [
    ...["-std=c11", "-O1", "-Wall", "-shared", "-fPIC", "-o", library],
    ...[join(import.meta.dir, "shifted_clock.c"), "-ldl"],
  ]);
  const jumpTo = (seconds: number): void => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, BigInt(seconds), true);
    // In place: the processes have it mapped.
    writeFileSync(offset, bytes, { flag: "r+" });
  };
  writeFileSync(offset, new Uint8Array(8));
  return {
    environment: { LD_PRELOAD: library, SHIFTED_CLOCK: offset },
    jumpTo,
  };
}

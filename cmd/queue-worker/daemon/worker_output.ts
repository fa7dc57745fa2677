/** Descriptors for a process's stdout and stderr, and the way of records from there to the daemon's own stdout. */
import { closeSync, openSync } from "node:fs";
import { createPipe } from "../../../ffi/descriptors.ts";
import {
  type Framing,
  frameRecords,
  RecordReader,
} from "../../shared/framing.ts";
import { BrokenPipe, writeOut } from "../../shared/output.ts";
import { outputBytesMax } from "../../shared/child_streams.ts";
import type { OutputPlan } from "./process_plan.ts";

const ownDescriptors = { stdout: 1, stderr: 2 } as const;

/** One of a process's outputs. */
export interface WorkerOutput {
  /** For Bun.spawn. */
  readonly target: number | "ignore";
  /** To be called once the process has it, or could not be started. */
  readonly started: () => void;
}

const nothing = (): void => undefined;

/** What processes wrote, on its way to our stdout. */
const passed = new Set<Promise<void>>();

/** Waits until all that ended processes wrote has been passed on, at most so many milliseconds. @returns whether it has */
export async function flushOutputs(timeoutMs: number): Promise<boolean> {
  await Promise.race([Promise.all(passed), Bun.sleep(timeoutMs)]);
  return passed.size === 0;
}

/** Records of several processes are written one after the other. */
let writing: Promise<unknown> = Promise.resolve();

function writeRecords(
  records: readonly Uint8Array[],
  framing: Framing,
): Promise<void> {
  const written = writing.then(() =>
    writeOut(frameRecords(records, framing).bytes),
  );
  // Each of the writers learns of its own failure.
  writing = written.catch(() => undefined);
  return written;
}

async function passOn(
  descriptor: number,
  framing: Framing,
  onBroken: (error: unknown) => void,
): Promise<void> {
  const reader = new RecordReader("len32", outputBytesMax);
  try {
    for await (const chunk of Bun.file(descriptor).stream()) {
      const records = reader.push(chunk);
      if (records.length > 0) await writeRecords(records, framing);
    }
    // What a killed process left unfinished was not acknowledged either.
  } catch (error) {
    onBroken(error);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Opens where a process's output goes.
 *
 * @param onBroken called when nothing can be written to the daemon's stdout any more
 * @throws what opening a file throws
 */
export function openOutput(
  plan: OutputPlan,
  own: keyof typeof ownDescriptors,
  onBroken: (error: unknown) => void,
): WorkerOutput {
  if (plan.kind === "inherit")
    return { target: ownDescriptors[own], started: nothing };
  if (plan.kind === "null") return { target: "ignore", started: nothing };
  if (plan.kind === "file") {
    // Appending, every write is one piece, whoever else writes there.
    const descriptor = openSync(plan.path, "a", 0o644);
    return { target: descriptor, started: () => closeSync(descriptor) };
  }
  const pipe = createPipe();
  const passing = passOn(pipe.readDescriptor, plan.framing, onBroken).finally(
    () => passed.delete(passing),
  );
  passed.add(passing);
  return {
    target: pipe.writeDescriptor,
    started: () => closeSync(pipe.writeDescriptor),
  };
}

/** Whether a failure means that nobody reads our stdout. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof BrokenPipe;
}

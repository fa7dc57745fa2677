/** Descriptors for a process's stdout and stderr, and the way of records from there to the daemon's own stdout. */
import { closeSync, constants, openSync } from "node:fs";
import { isatty } from "node:tty";
import { createPipe } from "../../../ffi/descriptors.ts";
import {
  type Framing,
  frameRecords,
  RecordReader,
} from "../../records/framing.ts";
import {
  BrokenPipe,
  say,
  writeErr,
  writeOut,
} from "../../standard_streams/output.ts";
import { outputBytesMax } from "../../processes/child_streams.ts";
import type { OutputPlan } from "./process_plan.ts";

const ownDescriptors = { stdout: 1, stderr: 2 } as const;

/** One of a process's outputs. */
export interface WorkerOutput {
  /** For Bun.spawn. */
  readonly target: number | "ignore";
  /** To be called once the process has it, or could not be started. */
  readonly started: () => void;
}

/**
 * Appending, every write is one piece, whoever else writes there. A named pipe that nobody reads is refused rather than
 * waited for.
 */
const appending =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  constants.O_NONBLOCK;

const nothing = (): void => undefined;

/** What processes wrote, on its way to our stdout. */
const passed = new Set<Promise<void>>();
/** Grows with every slice that was written to our stdout. */
let progress = 0;
/** Small enough to tell a slow reader from none. */
const sliceBytes = 1 << 16;

/**
 * Waits until all that ended processes wrote has been passed on, or nobody has read any of it for so many milliseconds.
 *
 * @returns whether everything has been passed on
 */
export async function flushOutputs(unreadMsMax: number): Promise<boolean> {
  for (let before = -1; passed.size > 0 && progress !== before;) {
    before = progress;
    await Promise.race([Promise.all(passed), Bun.sleep(unreadMsMax)]);
  }
  return passed.size === 0;
}

/** Records of several processes are written one after the other. */
let writing: Promise<unknown> = Promise.resolve();

async function writeSlices(bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.byteLength; from += sliceBytes) {
    await writeOut(bytes.subarray(from, from + sliceBytes));
    progress++;
  }
}

function writeRecords(
  records: readonly Uint8Array[],
  framing: Framing,
): Promise<void> {
  const { bytes } = frameRecords(records, framing);
  const written = writing.then(() => writeSlices(bytes));
  // Each of the writers learns of its own failure.
  writing = written.catch(() => undefined);
  return written;
}

/** What becomes of the chunks that a process writes. */
type Take = (chunk: Uint8Array) => Promise<void> | void;

/** When taking fails the pipe is closed, and the process that writes to it learns of that. */
async function passOn(descriptor: number, take: Take): Promise<void> {
  try {
    for await (const chunk of Bun.file(descriptor).stream()) await take(chunk);
  } catch (error) {
    if (!(error instanceof StdoutFailure))
      say(
        `the output of a worker is lost: ${error instanceof Error ? error.message : String(error)}`,
      );
  } finally {
    closeSync(descriptor);
  }
}

/** Our own stdout takes nothing; whoever has to know has been told. */
class StdoutFailure extends Error {}

/** Records, each whole. What a killed process left unfinished was not acknowledged either. */
function takeRecords(
  framing: Framing,
  onBroken: (error: unknown) => void,
): Take {
  const reader = new RecordReader("len32", outputBytesMax);
  return async (chunk) => {
    const records = reader.push(chunk);
    if (records.length === 0) return;
    try {
      await writeRecords(records, framing);
    } catch (error) {
      onBroken(error);
      throw new StdoutFailure();
    }
  };
}

function throughUs(take: Take): WorkerOutput {
  const pipe = createPipe();
  const passing = passOn(pipe.readDescriptor, take).finally(() =>
    passed.delete(passing),
  );
  passed.add(passing);
  return {
    target: pipe.writeDescriptor,
    started: () => closeSync(pipe.writeDescriptor),
  };
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
  if (plan.kind === "null") return { target: "ignore", started: nothing };
  if (plan.kind === "file") {
    const descriptor = openSync(plan.path, appending, 0o644);
    return { target: descriptor, started: () => closeSync(descriptor) };
  }
  if (plan.kind === "records")
    return throughUs(takeRecords(plan.framing, onBroken));
  // On a terminal every worker would draw a line of progress, all of them in one place.
  if (own === "stderr" && isatty(ownDescriptors.stderr))
    return throughUs(writeErr);
  return { target: ownDescriptors[own], started: nothing };
}

/** Whether a failure means that nobody reads our stdout. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof BrokenPipe;
}

/** A handler process that is kept: a record in, a record out, for one message after the other. */
import { closeSync } from "node:fs";
import { createPipe } from "../../../ffi/descriptors.ts";
import { type ChildProgram, endOf, startChild } from "../../processes/child.ts";
import {
  ChildStopper,
  signalGroup,
  type StopRules,
} from "../../processes/child_stopper.ts";
import { ChildStreams, outputBytesMax } from "../../processes/child_streams.ts";
import { formatDuration } from "../../command_line/duration.ts";
import {
  type Framing,
  RecordReader,
  RecordRefused,
} from "../../records/framing.ts";
import type { RunResult } from "./run_result.ts";

/** The answer to a record, or why there is none. */
type Answer =
  { readonly record: Uint8Array } | { readonly broken: string } | "over";

/** How long a process may go on after it has closed its stdout. */
const endAfterOutputMs = 1000;

/** One process, and the one record that it may be working on. */
export class Coprocess {
  readonly #child: Bun.Subprocess;
  readonly #streams: ChildStreams;
  readonly #input: Bun.FileSink;
  readonly #reader: RecordReader;
  readonly #exited: Promise<void>;
  #awaited: PromiseWithResolvers<Answer> | undefined;
  /** Why it cannot be used any more. */
  #broken: string | undefined;
  #isOver = false;
  /** Records that it has answered. */
  answered = 0;

  /** @throws what making pipes and starting a process throws */
  constructor(program: ChildProgram, framing: Framing) {
    this.#reader = new RecordReader(framing, outputBytesMax);
    this.#streams = new ChildStreams(
      () => undefined,
      (chunk) => this.#accept(() => this.#reader.push(chunk)),
    );
    const { readDescriptor, writeDescriptor } = createPipe();
    try {
      this.#child = startChild(program, readDescriptor, this.#streams);
    } catch (error) {
      closeSync(writeDescriptor);
      throw error;
    } finally {
      closeSync(readDescriptor);
    }
    this.#input = Bun.file(writeDescriptor).writer();
    // The writer has a descriptor of its own.
    closeSync(writeDescriptor);
    this.#exited = this.#child.exited.then(() => this.#end());
    void this.#streams.outputEnded?.then(() => this.#expectEnd());
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it can be given another record. */
  get usable(): boolean {
    return !this.#isOver && this.#broken === undefined;
  }

  /** Gives it a record and waits for the answer, or for its end. */
  async exchange(record: Uint8Array, rules: StopRules): Promise<RunResult> {
    const awaited = Promise.withResolvers<Answer>();
    this.#awaited = awaited;
    if (this.#isOver) awaited.resolve("over");
    let timedOut = false;
    let stopped = false;
    let answer: Answer;
    {
      using stopper = new ChildStopper(this.pid, rules);
      void this.#write(record);
      answer = await awaited.promise;
      this.#awaited = undefined;
      ({ timedOut, stopped } = stopper);
      // One that was told to stop is of no use any more, whatever it still says.
      if (timedOut || stopped) this.#broken ??= "stopped";
    }
    if (answer !== "over" && "record" in answer && !timedOut && !stopped) {
      this.answered++;
      return this.#success(answer.record);
    }
    return await this.#failure(answer, timedOut, stopped, rules.timeoutMs);
  }

  /** Has it leave by the end of its input; `rules` are for one that does not. */
  async close(rules: StopRules): Promise<void> {
    this.#broken ??= "closed";
    this.#endInput();
    {
      using _ = new ChildStopper(this.pid, rules);
      await this.#child.exited;
    }
    await this.#exited;
    this.#streams.close();
  }

  /** Without a stdout it can answer nothing any more; mostly it is about to end. */
  async #expectEnd(): Promise<void> {
    await Promise.race([this.#child.exited, Bun.sleep(endAfterOutputMs)]);
    if (!this.#isOver) this.#break("it closed its stdout");
  }

  /** What it wrote last may still lie in the pipe; a last record needs no terminator. */
  async #end(): Promise<void> {
    this.#isOver = true;
    await this.#streams.output();
    if (this.#awaited !== undefined && this.#child.exitCode === 0)
      this.#accept(() => this.#reader.end());
    this.#awaited?.resolve("over");
    this.#endInput();
  }

  #endInput(): void {
    // Whatever it has not read, it will not read.
    Promise.resolve(this.#input.end()).catch(() => undefined);
  }

  async #write(record: Uint8Array): Promise<void> {
    try {
      this.#input.write(record);
      await this.#input.flush();
    } catch {
      // It has closed its stdin, or is over: its answer, or its end, says the rest.
    }
  }

  #accept(read: () => readonly Uint8Array[]): void {
    let records: readonly Uint8Array[];
    try {
      records = read();
    } catch (error) {
      records = error instanceof RecordRefused ? error.taken : [];
      this.#break(error instanceof Error ? error.message : String(error));
    }
    for (const record of records) {
      if (this.#awaited === undefined)
        this.#break("it wrote a record that nobody asked for");
      else this.#awaited.resolve({ record: record.slice() });
      this.#awaited = undefined;
    }
    // Nobody is to take the rest for the beginning of the next answer.
    if (this.#awaited === undefined && this.#reader.pending)
      this.#break("it wrote more than the record it was asked for");
  }

  /** Nobody can tell any more which answer belongs to which record. */
  #break(why: string): void {
    this.#broken ??= why;
    signalGroup(this.pid, "SIGKILL");
    this.#awaited?.resolve({ broken: why });
  }

  #success(record: Uint8Array): RunResult {
    return {
      succeeded: true,
      exitCode: 0,
      signal: null,
      timedOut: false,
      stopped: false,
      reason: undefined,
      output: () => Promise.resolve(record),
      errorTail: () => this.#streams.errorTail(),
      release: () => undefined,
    };
  }

  async #failure(
    answer: Answer,
    timedOut: boolean,
    stopped: boolean,
    timeoutMs: number | undefined,
  ): Promise<RunResult> {
    // Its process group was killed, or is over already.
    await this.#exited;
    const end = endOf(this.#child);
    return {
      succeeded: false,
      ...end,
      timedOut,
      stopped,
      reason: timedOut
        ? `timed out after ${formatDuration(timeoutMs ?? 0)}`
        : typeof answer === "object" && "broken" in answer
          ? answer.broken
          : end.signal === null
            ? `ended without an answer, exit status ${end.exitCode}`
            : `killed by ${end.signal}`,
      output: () => Promise.resolve(new Uint8Array(0)),
      errorTail: () => this.#streams.errorTail(),
      release: () => this.#streams.close(),
    };
  }
}

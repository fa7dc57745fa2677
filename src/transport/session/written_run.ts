/** Frames that lie in a coalescer one behind the other, before they go out: kept with one copy for all of them. */
import { FrameRun } from "./frame_run.ts";
import type { LinkOutput } from "./link_output.ts";
import type { ReplayBuffer } from "./replay_buffer.ts";

/** The run of one sender that is not in its replay buffer yet. */
export class WrittenRun {
  readonly #replay: ReplayBuffer;
  #link: LinkOutput | undefined;
  #start = 0;
  #end = 0;
  #sequence = 0;
  #count = 0;
  /** Bound once: the coalescer calls it before the bytes go. */
  readonly #keep = (): void => this.keep();

  constructor(replay: ReplayBuffer) {
    this.#replay = replay;
  }

  /** A frame of so many bytes was written at the end of the link's coalescer. */
  wrote(link: LinkOutput, sizeBytes: number, sequence: number): void {
    const { end } = link.coalescer;
    if (
      this.#count > 0 &&
      this.#link === link &&
      this.#end + sizeBytes === end
    ) {
      this.#end = end;
      this.#count += 1;
      return;
    }
    this.keep();
    this.#link = link;
    link.coalescer.beforeOut = this.#keep;
    this.#start = end - sizeBytes;
    this.#end = end;
    this.#sequence = sequence;
    this.#count = 1;
  }

  /** Moves what there is into the replay buffer: before anything else is kept, and before the bytes go. */
  keep(): void {
    const link = this.#link;
    if (this.#count === 0 || link === undefined) return;
    const { coalescer, clock } = link;
    const bytes = coalescer.written(this.#start, this.#end);
    const run = new FrameRun(
      bytes,
      0,
      this.#end - this.#start,
      this.#sequence,
      this.#count,
      clock.nowMs,
    );
    this.#count = 0;
    coalescer.beforeOut = undefined;
    this.#replay.addRun(run);
  }
}

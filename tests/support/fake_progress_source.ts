/** A worker without UCX: things arrive, and a real descriptor tells of them, as UCX's does. */
import type { ProgressSource } from "../../src/ucx/progress.ts";
import { createLevelDescriptor } from "./level_descriptor.ts";

/** Holds to UCX's rules: it tells of what arrives only when armed, and arms only when nothing is left. */
export class FakeProgressSource implements ProgressSource {
  /** Called for each thing, from within `progress`. */
  onArrival: () => void = () => {};
  hasWork = false;
  /** `arm` says busy, whatever there is. */
  busy = false;
  /** Thrown by the next calls of `progress`. */
  failures = 0;
  deadlineMs = Number.POSITIVE_INFINITY;
  progressCalls = 0;
  armCalls = 0;
  readonly #level = createLevelDescriptor();
  #arrived = 0;
  #armed = false;
  #within = false;

  get eventDescriptor(): number {
    return this.#level.descriptor;
  }

  /** Things that were not progressed yet. */
  get waiting(): number {
    return this.#arrived;
  }

  /** As if a peer had sent. @param silently without an event, as if it had been lost */
  arrive(silently = false): void {
    this.#arrived += 1;
    if (this.#armed && !silently) this.#level.raise();
  }

  progress(): number {
    if (this.#within) throw new Error("progress within progress");
    this.#within = true;
    try {
      this.progressCalls += 1;
      this.#armed = false;
      this.#level.lower();
      if (this.failures > 0) {
        this.failures -= 1;
        throw new Error("progress failed");
      }
      const count = this.#arrived;
      this.#arrived = 0;
      for (let each = 0; each < count; each++) this.onArrival();
      return count;
    } finally {
      this.#within = false;
    }
  }

  arm(): boolean {
    if (this.#within) throw new Error("arm within progress");
    this.armCalls += 1;
    if (this.busy || this.#arrived > 0) return false;
    this.#armed = true;
    return true;
  }

  close(): void {
    this.#level.close();
  }
}

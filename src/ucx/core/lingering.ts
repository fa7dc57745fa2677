/**
 * Endpoints of UCX that are no connections any more, and have something left to say: a refusal is lost when the endpoint
 * is cut off right behind it.
 */
import type { Handle } from "../../../ffi/host.ts";

/** Endpoints that are closed when their peer has closed, or when their time is over. */
export class Lingering {
  readonly #closeHandle: (handle: Handle) => void;
  /** On the clock of `performance.now()`. */
  readonly #deadlineMs = new Map<Handle, number>();

  /** @param closeHandle cuts an endpoint off */
  constructor(closeHandle: (handle: Handle) => void) {
    this.#closeHandle = closeHandle;
  }

  get count(): number {
    return this.#deadlineMs.size;
  }

  /** Lets an endpoint live for a while. */
  add(handle: Handle, deadlineMs: number): void {
    this.#deadlineMs.set(handle, deadlineMs);
  }

  /** UCX says that an endpoint is broken. Returns whether it was one of these. */
  failed(handle: Handle): boolean {
    if (!this.#deadlineMs.delete(handle)) return false;
    this.#closeHandle(handle);
    return true;
  }

  /** Closes those whose time is over. Gives the next deadline. */
  checkDeadlines(nowMs: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [handle, deadlineMs] of [...this.#deadlineMs]) {
      if (deadlineMs <= nowMs) this.failed(handle);
      else next = Math.min(next, deadlineMs);
    }
    return next;
  }

  /** Closes all. */
  closeAll(): void {
    for (const handle of [...this.#deadlineMs.keys()]) this.failed(handle);
  }
}

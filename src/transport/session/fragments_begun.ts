/** Messages of which fragments were sent, but not all: the peer holds only so many of them. */
import type { WireLimits } from "../../wire/limits.ts";
import type { Outgoing } from "./outgoing.ts";

/** Those of one link. */
export class FragmentsBegun {
  readonly #messages = new Set<Outgoing>();
  #bytes = 0;

  /** Whether the peer has room for one more of so many bytes. */
  allow(payloadBytes: number, limits: WireLimits): boolean {
    return (
      this.#messages.size < limits.maxReassemblyMessages &&
      this.#bytes + payloadBytes <= limits.maxReassemblyBytes
    );
  }

  /** The first fragment was sent. */
  add(outgoing: Outgoing): void {
    this.#messages.add(outgoing);
    this.#bytes += outgoing.payload.length;
  }

  /** The last one was, or the rest will not be. Nothing happens when it had not begun. */
  delete(outgoing: Outgoing): void {
    if (this.#messages.delete(outgoing)) this.#bytes -= outgoing.payload.length;
  }

  /** The link is gone. */
  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
  }
}

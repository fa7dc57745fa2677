/** An event source with a descriptor of its own, for tests of it. */
import { type EventSource, openEventSource } from "../../ffi/event_source.ts";
import type { EventSourceKind } from "../../ffi/event_watch.ts";
import { runtimeName } from "../../ffi/host.ts";
import {
  createLevelDescriptor,
  type LevelDescriptor,
} from "./level_descriptor.ts";

/** The ways of this runtime, fastest first. */
export const kinds: readonly EventSourceKind[] =
  runtimeName() === "bun"
    ? ["socket", "thread", "timer"]
    : ["aio", "poll", "timer"];
/** A source, its descriptor, and how often it was called. */
export class Watched {
  calls = 0;
  readonly level: LevelDescriptor = createLevelDescriptor();
  readonly source: EventSource;
  #resolve: (() => void) | undefined;

  constructor(kind: EventSourceKind) {
    this.source = openEventSource({
      kind,
      descriptor: this.level.descriptor,
      onReady: () => {
        this.calls += 1;
        this.#resolve?.();
      },
    });
  }

  /** Armed, until it is called. */
  woken(): Promise<void> {
    const promise = new Promise<void>((resolve) => {
      this.#resolve = resolve;
    });
    this.source.arm();
    return promise;
  }

  close(): void {
    this.source.close();
    this.level.close();
  }
}

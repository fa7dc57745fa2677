import process from "node:process";
import type { EventSourceKind } from "../../../ffi/event_watch.ts";
import { runtimeName } from "../../../ffi/host.ts";
import { countDescriptors } from "../../support/level_descriptor.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { pause, until } from "../../support/waiting.ts";
import { kinds, Watched } from "../../support/watched_descriptor.ts";

const runtime = runtimeName();
/** A source that is called wrongly is called within a few turns of the loop. */
const quietMs = 60;

describe("an event source whose way turns out not to work", () => {
  /** Replaces a property for the length of a body. */
  async function replacing(
    owner: object,
    name: string,
    value: unknown,
    body: () => Promise<void>,
  ): Promise<void> {
    const target = owner as Record<string, unknown>;
    const before = target[name];
    target[name] = value;
    try {
      await body();
    } finally {
      target[name] = before;
    }
  }

  async function expectFallback(kind: EventSourceKind): Promise<void> {
    const watched = new Watched(kinds[0] ?? "timer");
    try {
      const woken = watched.woken();
      await until(kind, () => watched.source.kind === kind);
      await pause(quietMs);
      expect(watched.calls).toBe(0);
      watched.level.raise();
      await woken;
      watched.level.lower();
      watched.source.arm();
      await pause(quietMs);
      expect(watched.calls).toBe(1);
    } finally {
      watched.close();
    }
  }

  if (runtime === "bun") {
    const { Bun: bun } = globalThis as unknown as {
      Bun: { connect(options: unknown): Promise<unknown> };
    };

    test("goes on by a thread when Bun refuses the descriptor", async () => {
      const refuse = () => Promise.reject(new Error("not a socket"));
      await replacing(bun, "connect", refuse, () => expectFallback("thread"));
    });

    test("goes on by a thread when Bun gives the descriptor up without an event", async () => {
      const connect = async (options: { socket: { close(): void } }) => {
        await pause(0);
        options.socket.close();
      };
      await replacing(bun, "connect", connect, () => expectFallback("thread"));
    });

    test("goes on by a timer when there are no threads either", async () => {
      const refuse = () => Promise.reject(new Error("not a socket"));
      class NoWorker {
        onerror: ((event: { preventDefault(): void }) => void) | undefined;
        constructor() {
          setTimeout(() => this.onerror?.({ preventDefault() {} }), 1);
        }
        postMessage(): void {}
        terminate(): void {}
        ref(): void {}
        unref(): void {}
      }
      await replacing(bun, "connect", refuse, () =>
        replacing(globalThis, "Worker", NoWorker, () =>
          expectFallback("timer"),
        ),
      );
    });
  } else {
    test("is another from the beginning when Deno has no such handle", async () => {
      const before = countDescriptors();
      await replacing(process, "binding", undefined, () =>
        expectFallback("poll"),
      );
      await until("descriptors are closed", () => countDescriptors() <= before);
    });
  }
});

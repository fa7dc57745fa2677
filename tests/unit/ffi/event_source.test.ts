import { openEventSource } from "../../../ffi/event_source.ts";
import { FfiError } from "../../../ffi/errors.ts";
import { runtimeName } from "../../../ffi/host.ts";
import { isReadable } from "../../../ffi/poll_descriptor.ts";
import {
  countDescriptors,
  createLevelDescriptor,
} from "../../support/level_descriptor.ts";
import { peerFixture } from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { pause, until } from "../../support/waiting.ts";
import { kinds, Watched } from "../../support/watched_descriptor.ts";

const runtime = runtimeName();
/** A source that is called wrongly is called within a few turns of the loop. */
const quietMs = 60;

for (const kind of kinds) {
  describe(`event source (${kind})`, () => {
    const opened: Watched[] = [];
    const open = (): Watched => {
      const watched = new Watched(kind);
      opened.push(watched);
      return watched;
    };
    afterEach(() => {
      for (const watched of opened.splice(0)) watched.close();
    });

    test("is of the kind that is asked for, and stays so", async () => {
      const { source, level } = open();
      source.arm();
      await pause(quietMs);
      level.raise();
      expect(source.kind).toBe(kind);
    });

    test("calls once for a descriptor that is readable already, and not within arm", async () => {
      const watched = open();
      watched.level.raise();
      const woken = watched.woken();
      expect(watched.calls).toBe(0);
      await woken;
      await pause(quietMs);
      expect(watched.calls).toBe(1);
    });

    test("calls when the descriptor becomes readable later, and not before", async () => {
      const watched = open();
      const woken = watched.woken();
      await pause(quietMs);
      expect(watched.calls).toBe(0);
      watched.level.raise();
      await woken;
      expect(watched.calls).toBe(1);
    });

    test("calls once however often it is armed", async () => {
      const watched = open();
      for (let count = 0; count < 5; count++) watched.source.arm();
      const woken = watched.woken();
      watched.level.raise();
      await woken;
      await pause(quietMs);
      expect(watched.calls).toBe(1);
    });

    test("calls again for the same level when it is armed again", async () => {
      const watched = open();
      watched.level.raise();
      await watched.woken();
      await watched.woken();
      expect(watched.calls).toBe(2);
    });

    test("does not call at rest, and does after the next arming", async () => {
      const watched = open();
      watched.source.arm();
      watched.source.rest();
      watched.level.raise();
      await pause(quietMs);
      expect(watched.calls).toBe(0);
      await watched.woken();
      expect(watched.calls).toBe(1);
    });

    test("is not confused by arm and rest in quick succession", async () => {
      const watched = open();
      for (let count = 0; count < 100; count++) {
        watched.source.arm();
        if (count % 10 === 0) await pause(0);
        watched.source.rest();
      }
      await pause(quietMs);
      expect(watched.calls).toBe(0);
      const woken = watched.woken();
      watched.level.raise();
      await woken;
      expect(watched.calls).toBe(1);
    });

    test("may be armed by its own call", async () => {
      const level = createLevelDescriptor();
      let calls = 0;
      const source = openEventSource({
        kind,
        descriptor: level.descriptor,
        onReady: () => {
          calls += 1;
          if (calls < 10) source.arm();
        },
      });
      level.raise();
      source.arm();
      await until("ten calls", () => calls === 10);
      source.close();
      level.close();
    });

    test("calls while it does not keep the process alive", async () => {
      const watched = open();
      watched.source.unref();
      const woken = watched.woken();
      // The loop is kept alive by this.
      const timer = setInterval(() => {}, 10);
      await pause(quietMs);
      watched.level.raise();
      await woken;
      clearInterval(timer);
      expect(watched.calls).toBe(1);
      watched.source.ref();
      await watched.woken();
      expect(watched.calls).toBe(2);
    });

    test("does not call after it was closed while armed, and leaves the descriptor open", async () => {
      const watched = open();
      watched.source.arm();
      await pause(quietMs);
      watched.source.close();
      watched.source.close();
      watched.level.raise();
      watched.source.arm();
      watched.source.rest();
      watched.source.ref();
      watched.source.unref();
      await pause(quietMs);
      expect(watched.calls).toBe(0);
      expect(isReadable(watched.level.descriptor)).toBe(true);
    });

    test("several at once do not wake each other", async () => {
      const all = Array.from({ length: 8 }, open);
      const woken = all.map((watched) => watched.woken());
      await pause(quietMs);
      for (const [index, watched] of all.entries()) {
        watched.level.raise();
        await woken[index];
        const calls = all.map((each) => each.calls);
        expect(calls).toEqual(all.map((_, other) => (other <= index ? 1 : 0)));
      }
    });

    const rounds = kind === "timer" ? 20 : 10_000;
    test(
      `wakes ${rounds} times, without one left out and without a descriptor that stays open`,
      async () => {
        const watched = open();
        watched.level.raise();
        await watched.woken();
        watched.level.lower();
        const before = countDescriptors();
        for (let round = 0; round < rounds; round++) {
          const woken = watched.woken();
          // Before the loop turns, after it, and after the watcher had time to settle.
          if (round % 3 === 1) await pause(0);
          watched.level.raise();
          await woken;
          watched.level.lower();
        }
        expect(watched.calls).toBe(rounds + 1);
        await until(
          "descriptors are closed",
          () => countDescriptors() <= before,
        );
      },
      { timeoutMs: 120_000 },
    );

    test(
      "gives back all descriptors when it is closed, armed, woken or at rest",
      async () => {
        const warm = new Watched(kind);
        await Promise.all([warm.woken(), warm.level.raise()]);
        warm.close();
        await pause(quietMs);
        const before = countDescriptors();
        for (let round = 0; round < 30; round++) {
          const watched = new Watched(kind);
          if (round % 3 === 1) watched.source.arm();
          if (round % 3 === 2) {
            watched.level.raise();
            await watched.woken();
          }
          watched.close();
        }
        await until(
          "descriptors are closed",
          () => countDescriptors() <= before,
        );
      },
      { timeoutMs: 60_000 },
    );
  });

  describe(`a process with an event source (${kind})`, () => {
    const peers = peerFixture();
    const program = new URL("./event_source_program.ts", import.meta.url);
    afterEach(() => peers.stopAll());

    async function run(...steps: string[]): Promise<string[]> {
      const peer = peers.start(runtime, program, kind, ...steps);
      const startMs = performance.now();
      const lines: string[] = [];
      const read = async (): Promise<void> => {
        for (;;) lines.push(await peer.line());
      };
      const ended = read().catch(() => {});
      const { code } = await peer.exited;
      await ended;
      expect(peer.errors()).toBe("");
      expect(code).toBe(0);
      // At the end of a slice of poll(2) would be too late.
      expect(performance.now() - startMs).toBeLessThan(8000);
      return lines;
    }

    for (const [name, steps] of [
      ["never armed", []],
      ["at rest", ["arm", "pause", "rest"]],
      ["at rest at once", ["arm", "rest"]],
      ["armed and unref'd", ["unref", "arm"]],
      ["unref'd while armed", ["arm", "pause", "unref"]],
      ["at rest, ref'd again", ["unref", "arm", "rest", "ref"]],
      ["closed while armed", ["arm", "pause", "close"]],
    ] as const) {
      test(
        `ends when the source is ${name}`,
        async () => {
          expect(await run(...steps)).toEqual([`armed ${kind}`]);
        },
        { timeoutMs: 30_000 },
      );
    }

    test(
      "ends after the event",
      async () => {
        const steps = ["arm", "pause", "raise"];
        expect(await run(...steps)).toEqual([`armed ${kind}`, "ready"]);
      },
      { timeoutMs: 30_000 },
    );

    test(
      "stays alive while the source is armed, also when it was unref'd before",
      async () => {
        const steps = ["unref", "arm", "pause", "ref"];
        const peer = peers.start(runtime, program, kind, ...steps);
        expect(await peer.line()).toBe(`armed ${kind}`);
        const ended = peer.exited.then(() => "ended");
        const waited = pause(500).then(() => "alive");
        expect(await Promise.race([ended, waited])).toBe("alive");
      },
      { timeoutMs: 30_000 },
    );
  });
}

describe("opening an event source", () => {
  test("takes the runtime's fastest kind", () => {
    const level = createLevelDescriptor();
    const request = { descriptor: level.descriptor, onReady() {} };
    const source = openEventSource(request);
    expect(source.kind).toBe(runtime === "bun" ? "socket" : "aio");
    source.close();
    level.close();
  });

  test("refuses what is no descriptor, and a kind of the other runtime", () => {
    for (const descriptor of [-1, 1.5, Number.NaN]) {
      expect(() => openEventSource({ descriptor, onReady() {} })).toThrow(
        RangeError,
      );
    }
    const kind = runtime === "bun" ? "aio" : "socket";
    expect(() =>
      openEventSource({ descriptor: 0, kind, onReady() {} }),
    ).toThrow(FfiError);
  });
});

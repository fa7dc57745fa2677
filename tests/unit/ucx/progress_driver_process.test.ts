import { runtimeName } from "../../../ffi/host.ts";
import { peerFixture } from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { pause } from "../../support/waiting.ts";

describe("a process with a progress driver", () => {
  const peers = peerFixture();
  const program = new URL("./progress_driver_program.ts", import.meta.url);
  afterEach(() => peers.stopAll());

  for (const mode of ["adaptive", "busy", "sleep"] as const) {
    for (const [name, steps] of [
      ["nobody waits", []],
      ["nobody waits any more", ["hold", "pause", "release"]],
      ["nobody waits, though something was posted", ["pause", "notify"]],
      ["it is stopped while somebody waits", ["hold", "pause", "stop"]],
    ] as const) {
      test(
        `ends when ${name} (${mode})`,
        async () => {
          const peer = peers.start(runtimeName(), program, mode, ...steps);
          expect(await peer.line()).toBe("done");
          const startMs = performance.now();
          expect(await peer.exited).toEqual({ code: 0, signal: null });
          expect(performance.now() - startMs).toBeLessThan(8000);
          expect(peer.errors()).toBe("");
        },
        { timeoutMs: 30_000 },
      );
    }

    test(
      `stays alive, and hears, while somebody waits (${mode})`,
      async () => {
        const steps = ["hold", "pause", "pause", "raise"];
        const peer = peers.start(runtimeName(), program, mode, ...steps);
        expect(await peer.line()).toBe("done");
        expect(await peer.line()).toBe("arrived");
        const ended = peer.exited.then(() => "ended");
        const waited = pause(300).then(() => "alive");
        expect(await Promise.race([ended, waited])).toBe("alive");
      },
      { timeoutMs: 30_000 },
    );
  }
});

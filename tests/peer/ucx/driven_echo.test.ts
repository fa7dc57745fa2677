import type { ProgressStatistics } from "../../../src/ucx/progress.ts";
import { peerFixture, type Runtime } from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

interface Measured {
  readonly rounds: number;
  readonly medianUs: number;
  readonly idlePercent: number;
}

const rounds = 200;
/** Longer than the server pumps. */
const gapMs = 2;
/** How long the processor time of the idle server is watched. */
const idleMs = 300;

describe("two processes with real UCX workers", () => {
  const peers = peerFixture();
  const program = new URL("./driven_echo_program.ts", import.meta.url);
  afterEach(() => peers.stopAll());

  async function measure(
    transports: string,
    server: Runtime,
    mode: string,
    client: Runtime,
    style: string,
  ): Promise<{ measured: Measured; server: ProgressStatistics }> {
    const serving = peers.start(server, program, "serve", transports, mode);
    const address = await serving.line();
    const calling = peers.start(
      client,
      program,
      "call",
      transports,
      style,
      String(rounds),
      String(gapMs),
      String(idleMs),
      address,
      String(serving.pid),
    );
    const measured = JSON.parse(await calling.line()) as Measured;
    const counted = JSON.parse(await serving.line()) as ProgressStatistics;
    for (const peer of [serving, calling]) {
      expect(await peer.exited).toEqual({ code: 0, signal: null });
      expect(peer.errors()).toBe("");
    }
    return { measured, server: counted };
  }

  for (const transports of ["posix,cma", "tcp"]) {
    for (const runtime of ["bun", "deno"] as const) {
      const other = runtime === "bun" ? "deno" : "bun";

      for (const mode of ["adaptive", "sleep"]) {
        test(
          `a server in ${runtime} sleeps between calls, and each wakes it (${transports}, ${mode})`,
          async () => {
            const { measured, server } = await measure(
              transports,
              runtime,
              mode,
              other,
              "spin",
            );
            expect(measured.rounds).toBe(rounds);
            // It slept, and was never found by the backstop, which would have taken up to a second.
            expect(server.wakes).toBeGreaterThan(rounds / 2);
            expect(server.backstopHits).toBe(0);
            expect(measured.medianUs).toBeLessThan(100_000);
            // A pump that does not end takes a whole processor.
            expect(measured.idlePercent).toBeLessThan(10);
          },
          { timeoutMs: 120_000 },
        );
      }

      test(
        `a client in ${runtime} awaits the answers of a busy server (${transports})`,
        async () => {
          const { measured, server } = await measure(
            transports,
            other,
            "busy",
            runtime,
            "await",
          );
          expect(measured.rounds).toBe(rounds);
          expect(server.sleeps).toBe(0);
          expect(measured.medianUs).toBeLessThan(100_000);
        },
        { timeoutMs: 120_000 },
      );
    }
  }
});

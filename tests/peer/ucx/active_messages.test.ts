import { UcxError, UcxTimeoutError, UcxWorker } from "../../../src/ucx/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { peerFixture, type Runtime } from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { empty } from "../../support/ucp_pair.ts";

const peers = peerFixture();
const program = new URL("./active_messages_program.ts", import.meta.url);
const timeoutMs = 60_000;
const transports = { tcp: "tcp", "shared memory": "posix,cma,tcp" };
const runtimes: readonly Runtime[] = ["bun", "deno"];

afterEach(() => peers.stopAll());

/** Progresses until it is so. @throws {Error} after 30 seconds */
function until(worker: UcxWorker, done: () => boolean): void {
  const endMs = performance.now() + 30_000;
  while (!done()) {
    if (performance.now() > endMs) throw new Error("waited in vain");
    worker.runProgressLoop(1);
  }
}

for (const [name, tls] of Object.entries(transports)) {
  const config = {
    ucx: { TLS: tls, NET_DEVICES: "lo" },
    enableActiveMessages: true,
    keepAliveMs: 200,
  };
  for (const runtime of runtimes) {
    describe(`UCX active messages with ${runtime} over ${name}`, () => {
      test(
        "come back as they were, from 0 bytes to 64 MiB",
        async () => {
          const peer = peers.start(runtime, program, "echo", tls);
          using worker = new UcxWorker(config);
          const id = worker.connect(JSON.parse(await peer.line()) as string);
          const sizes = [0, 1, 16, 256, 4096, 65_536, 2 ** 20, 2 ** 24];
          sizes.push(64 * 2 ** 20);
          let back = 0;
          let wrong = 0;
          worker.onActiveMessage(2, ({ header, data, endpointId }) => {
            const expected = patternBytes(sizes[back] ?? 0);
            if (endpointId !== id || header[0] !== back) wrong++;
            if (Bun.hash(data) !== Bun.hash(expected)) wrong++;
            back++;
          });
          for (const [index, size] of sizes.entries()) {
            const header = Uint8Array.of(index, 1, 2);
            worker.sendActiveMessage(id, 1, header, patternBytes(size));
            until(worker, () => back > index);
          }
          expect([back, wrong]).toEqual([sizes.length, 0]);
          worker.disconnect(id);
          expect(JSON.parse(await peer.line())).toBe(sizes.length);
          expect((await peer.exited).code).toBe(0);
        },
        { timeoutMs },
      );

      test(
        "of a peer that is killed while it sends stop coming, and the connection ends",
        async () => {
          const peer = peers.start(runtime, program, "flood", tls);
          using worker = new UcxWorker(config);
          const closed: boolean[] = [];
          worker.events.on("close", (info) => closed.push(info.orderly));
          // A message that was announced and not fetched is told as an error.
          const errors: Error[] = [];
          worker.events.on("error", (error) => errors.push(error));
          let wrong = 0;
          let count = 0;
          worker.onActiveMessage(1, ({ data, byteLength }) => {
            count++;
            if (data.at(-1) !== patternBytes(1, byteLength - 1)[0]) wrong++;
          });
          worker.connect(JSON.parse(await peer.line()) as string);
          until(worker, () => count > 50);
          peer.kill("SIGKILL");
          until(worker, () => closed.length > 0);
          expect(closed).toEqual([false]);
          expect(wrong).toBe(0);
          for (const error of errors) expect(error).toBeInstanceOf(UcxError);
        },
        { timeoutMs },
      );

      test(
        "to a peer that is killed before it takes them end with an error",
        async () => {
          const peer = peers.start(runtime, program, "deaf", tls);
          using worker = new UcxWorker(config);
          const id = worker.connect(JSON.parse(await peer.line()) as string);
          expect(await peer.line()).toBe('"deaf"');
          const data = patternBytes(5_000_000);
          expect(() =>
            worker.sendActiveMessage(id, 1, empty(0), data, { timeoutMs: 50 }),
          ).toThrow(UcxTimeoutError);
          peer.kill("SIGKILL");
          expect(() =>
            worker.sendActiveMessage(id, 1, empty(0), data, {
              timeoutMs: 20_000,
            }),
          ).toThrow(UcxError);
          until(worker, () => !worker.isConnected(id));
          expect(() =>
            worker.sendActiveMessage(id, 1, empty(0), empty(1)),
          ).toThrow(UcxError);
        },
        { timeoutMs },
      );
    });
  }
}

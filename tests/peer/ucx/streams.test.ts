import {
  UcxConnectionResetError,
  type UcxError,
  UcxTimeoutError,
  UcxWorker,
} from "../../../src/ucx/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { peerFixture, type Runtime } from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { waitForOne } from "../../support/ucx_peer.ts";
import { empty } from "../../support/ucp_pair.ts";

const peers = peerFixture();
const program = new URL("./streams_program.ts", import.meta.url);
const timeoutMs = 60_000;
const transports = { tcp: "tcp", "shared memory": "posix,cma,tcp" };
const runtimes: readonly Runtime[] = ["bun", "deno"];

afterEach(() => peers.stopAll());

async function addressOf(peer: { line(): Promise<string> }): Promise<string> {
  return JSON.parse(await peer.line()) as string;
}

/** Sends all and receives as much at the same time: neither window holds it. */
function exchange(
  worker: UcxWorker,
  id: number,
  data: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const into = empty(data.length);
  const step = 2 ** 20;
  let got = 0;
  for (let sent = 0; sent < data.length; sent += step) {
    const piece = data.subarray(sent, sent + step);
    worker.sendStream(id, piece);
    got += worker.receiveStream(id, into.subarray(got, got + piece.length), {
      waitAll: true,
    });
  }
  expect(got).toBe(data.length);
  return into;
}

for (const [name, tls] of Object.entries(transports)) {
  const ucx = { TLS: tls, NET_DEVICES: "lo" };
  for (const runtime of runtimes) {
    describe(`UCX streams with ${runtime} over ${name}`, () => {
      test(
        "bytes come back as they were, from 1 to 64 Mi of them",
        async () => {
          const peer = peers.start(runtime, program, "echo", tls);
          using worker = new UcxWorker({ ucx });
          const id = worker.connect(await addressOf(peer));
          let total = 0;
          const sizes = [0, 1, 16, 256, 4096, 65_536, 2 ** 20, 2 ** 24];
          for (const size of [...sizes, 64 * 2 ** 20]) {
            const data = patternBytes(size);
            expect(Bun.hash(exchange(worker, id, data))).toBe(Bun.hash(data));
            total += size;
          }
          worker.disconnect(id);
          expect(JSON.parse(await peer.line())).toBe(total);
          expect((await peer.exited).code).toBe(0);
        },
        { timeoutMs },
      );

      test(
        "what was sent before a goodbye is read after it, and then the end comes",
        async () => {
          const size = 1_000_000;
          const peer = peers.start(
            runtime,
            program,
            "source",
            tls,
            String(size),
          );
          using worker = new UcxWorker({ ucx });
          const closed: boolean[] = [];
          worker.events.on("close", (info) => closed.push(info.orderly));
          const id = worker.connect(await addressOf(peer));
          const endMs = performance.now() + 20_000;
          while (closed.length === 0 && performance.now() < endMs)
            worker.runProgressLoop(5);
          expect(closed).toEqual([true]);
          expect(worker.streams.ready()).toEqual([id]);
          const into = empty(size + 1);
          expect(worker.receiveStream(id, into, { waitAll: true })).toBe(size);
          expect(Bun.hash(into.subarray(0, size))).toBe(
            Bun.hash(patternBytes(size)),
          );
          expect(worker.receiveStream(id, into)).toBe(0);
          expect((await peer.exited).code).toBe(0);
        },
        { timeoutMs },
      );

      test(
        "a peer that is killed while it sends ends the stream with an error",
        async () => {
          const peer = peers.start(runtime, program, "flood", tls);
          using worker = new UcxWorker({ ucx, keepAliveMs: 200 });
          const id = worker.connect(await addressOf(peer));
          const buffer = empty(70_000);
          let total = 0;
          while (total < 3_000_000) total += worker.receiveStream(id, buffer);
          peer.kill("SIGKILL");
          let failure: unknown;
          const endMs = performance.now() + 20_000;
          while (failure === undefined && performance.now() < endMs) {
            try {
              if (worker.receiveStream(id, buffer) === 0) break;
            } catch (error) {
              failure = error;
            }
          }
          expect(failure).toBeInstanceOf(UcxConnectionResetError);
        },
        { timeoutMs },
      );

      test(
        "a peer that is killed while it is sent to ends the send with an error",
        async () => {
          const peer = peers.start(runtime, program, "idle", tls);
          using worker = new UcxWorker({ ucx, keepAliveMs: 200 });
          const id = worker.connect(await addressOf(peer));
          expect(await peer.line()).toBe('"idle"');
          const data = patternBytes(8 * 2 ** 20);
          expect(() => worker.sendStream(id, data, { timeoutMs: 100 })).toThrow(
            UcxTimeoutError,
          );
          peer.kill("SIGKILL");
          let failure: UcxError | undefined;
          try {
            worker.sendStream(id, data, { timeoutMs: 20_000 });
          } catch (error) {
            failure = error as UcxError;
          }
          expect(failure).toBeInstanceOf(UcxConnectionResetError);
        },
        { timeoutMs },
      );

      test(
        "a slow reader holds its sender up, and does not grow",
        async () => {
          using worker = new UcxWorker({ ucx });
          const listener = worker.createListener("127.0.0.1:0");
          const peer = peers.start(
            runtime,
            program,
            "slow",
            tls,
            listener.address,
          );
          const id = waitForOne(worker);
          const size = 48 * 2 ** 20;
          worker.sendStream(id, patternBytes(size));
          worker.disconnect(id, { timeoutMs: 10_000 });
          const said = JSON.parse(await peer.line()) as {
            grown: number;
            total: number;
            wrong: number;
          };
          expect([said.total, said.wrong]).toEqual([size, 0]);
          // What was sent would not fit in this.
          expect(said.grown).toBeLessThan(24 * 2 ** 20);
        },
        { timeoutMs },
      );
    });
  }
}

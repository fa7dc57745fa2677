import {
  UcxConnectionResetError,
  UcxError,
  UcxNotConnectedError,
  UcxWorker,
} from "../../../src/ucx/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import {
  type PeerProcess,
  peerFixture,
  type Runtime,
} from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { empty } from "../../support/ucp_pair.ts";

const peers = peerFixture();
const program = new URL("./memory_program.ts", import.meta.url);
const timeoutMs = 60_000;
const transports = { tcp: "tcp", "shared memory": "posix,cma,tcp" };
const runtimes: readonly Runtime[] = ["bun", "deno"];

afterEach(() => peers.stopAll());

/** Connects, and gets the key to the peer's memory. */
async function connect(worker: UcxWorker, peer: PeerProcess) {
  const id = worker.connect(JSON.parse(await peer.line()) as string);
  const key = empty(1000);
  const bytes = worker.receiveTag(id, 1, key);
  return { id, key: key.slice(0, bytes) };
}

/** What a call throws within some seconds of being repeated. */
function failureOf(call: () => void): unknown {
  const endMs = performance.now() + 20_000;
  while (performance.now() < endMs) {
    try {
      call();
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

for (const [name, tls] of Object.entries(transports)) {
  const ucx = { TLS: tls, NET_DEVICES: "lo" };
  for (const runtime of runtimes) {
    describe(`UCX memory of ${runtime} over ${name}`, () => {
      test(
        "is written and read in pieces of 1 byte to 8 MiB, at all kinds of offsets",
        async () => {
          const peer = peers.start(runtime, program, "owner", tls);
          using worker = new UcxWorker({ ucx, enableRma: true });
          const { id, key } = await connect(worker, peer);
          const remote = worker.importMemory(id, key);
          const data = patternBytes(remote.byteLength);
          let at = 8;
          for (const bytes of [0, 1, 16, 256, 4095, 65_536, 2 ** 20, 2 ** 23]) {
            remote.put(data.subarray(at, at + bytes), at);
            at += bytes;
          }
          remote.fence();
          remote.put(data.subarray(at), at);
          remote.flush();
          const got = empty(2 ** 20 + 3);
          remote.get(got, 5_000_001);
          expect(Bun.hash(got)).toBe(
            Bun.hash(data.subarray(5_000_001, 5_000_001 + got.length)),
          );
          expect(remote.atomics64.swap(0, 7n)).toBe(0n);
          remote.close();
          worker.disconnect(id);
          expect(JSON.parse(await peer.line())).toEqual({
            different: 0,
            first: 7,
          });
          expect((await peer.exited).code).toBe(0);
        },
        { timeoutMs },
      );

      test(
        "is counted in by two at a time, and no count is lost",
        async () => {
          using worker = new UcxWorker({ ucx, enableRma: true });
          using memory = worker.registerMemory(16);
          const left: number[] = [];
          worker.events.on("close", (info) => left.push(info.endpointId));
          const given = new Set<number>();
          const listener = worker.createListener("127.0.0.1:0");
          const counters = [0, 1].map(() =>
            peers.start(runtime, program, "counter", tls, listener.address),
          );
          const endMs = performance.now() + 30_000;
          while (left.length < 2 && performance.now() < endMs) {
            worker.runProgressLoop(2);
            for (const id of worker.getEndpointIds()) {
              if (given.has(id) || !worker.isConnected(id)) continue;
              given.add(id);
              worker.sendTag(id, 1, memory.exportKey());
            }
          }
          for (const counter of counters) {
            expect(await counter.line()).toBe('"counted"');
            expect((await counter.exited).code).toBe(0);
          }
          const words = new BigUint64Array(
            memory.bytes.buffer as ArrayBuffer,
            0,
            2,
          );
          expect([...words]).toEqual([4000n, 0n]);
        },
        { timeoutMs },
      );

      test(
        "of a process that is killed cannot be reached any more, which is an error and nothing worse",
        async () => {
          const peer = peers.start(runtime, program, "owner", tls);
          using worker = new UcxWorker({
            ucx,
            enableRma: true,
            keepAliveMs: 200,
          });
          const { id, key } = await connect(worker, peer);
          const remote = worker.importMemory(id, key);
          const data = patternBytes(300_000);
          const into = empty(300_000);
          remote.put(data, 1000);
          let rounds = 0;
          const failure = failureOf(() => {
            if (++rounds === 20) peer.kill("SIGKILL");
            remote.put(data, 1000, { timeoutMs: 10_000 });
            remote.get(into, 1000, { timeoutMs: 10_000 });
            remote.atomics64.fetchAdd(0, 1n, { timeoutMs: 10_000 });
            remote.flush({ timeoutMs: 10_000 });
          });
          expect(failure).toBeInstanceOf(UcxError);
          expect(
            failure instanceof UcxConnectionResetError ||
              failure instanceof UcxNotConnectedError,
          ).toBe(true);
          const endMs = performance.now() + 20_000;
          while (worker.isConnected(id) && performance.now() < endMs)
            worker.runProgressLoop(1);
          expect(() => remote.put(data)).toThrow(UcxError);
          expect(() => worker.importMemory(id, key)).toThrow(UcxError);
          remote.close();
        },
        { timeoutMs },
      );
    });
  }
}

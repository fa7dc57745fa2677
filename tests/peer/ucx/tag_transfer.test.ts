import { UcxError, UcxWorker } from "../../../src/ucx/mod.ts";
import {
  type PeerProcess,
  peerFixture,
  type Runtime,
} from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import {
  pattern,
  progressUntil,
  same,
  transports,
} from "../../support/ucx_self.ts";

const peers = peerFixture();
const workers: UcxWorker[] = [];
const program = new URL("./tag_program.ts", import.meta.url);
const timeoutMs = 60_000;

afterEach(async () => {
  for (const worker of workers.splice(0)) worker.close({ timeoutMs: 500 });
  await peers.stopAll();
});

for (const runtime of ["bun", "deno"] as const satisfies readonly Runtime[])
  for (const [name, ucx] of Object.entries(transports))
    describe(`tagged messages with ${runtime} over ${name}`, () => {
      async function start(role: string): Promise<{
        readonly peer: PeerProcess;
        readonly worker: UcxWorker;
        readonly id: number;
      }> {
        const peer = peers.start(runtime, program, role, name);
        const address = await peer.line();
        const worker = new UcxWorker({
          ucx,
          timeoutMs: 20_000,
          creditMessages: 64,
        });
        workers.push(worker);
        const id = worker.connect(address, { timeoutMs: 20_000 });
        return { peer, worker, id };
      }

      test(
        "come back whole, from nothing to 64 MiB, posted before and after",
        async () => {
          const { peer, worker, id } = await start("echo");
          const sizes = [0, 1];
          for (let power = 4; power <= 24; power += 4) sizes.push(2 ** power);
          sizes.push(2 ** 26);
          for (const [index, size] of sizes.entries()) {
            const data = pattern(size, index);
            const half = size >> 1;
            const before = new Uint8Array(size + 3);
            const posted = worker.startReceiveTag(id, index + 1, before);
            worker.sendTag(id, index + 1, [
              data.subarray(0, half),
              data.subarray(half),
            ]);
            expect(posted.wait()).toEqual({
              byteLength: size,
              tag: index + 1,
              endpointId: id,
            });
            expect(same(before.subarray(0, size), data)).toBe(true);
            if (size > 2 ** 24) continue;
            worker.sendTag(id, index + 100, data);
            progressUntil(
              worker,
              "answer",
              () => worker.probeTag(id) !== undefined,
              20_000,
            );
            expect(worker.probeTag()).toEqual({
              byteLength: size,
              tag: index + 100,
              endpointId: id,
            });
            const after = worker.receiveTagMessage(undefined, undefined, {
              maxBytes: 2 ** 27,
            });
            expect(after.endpointId).toBe(id);
            expect(same(after.data, data)).toBe(true);
          }
          worker.sendTag(id, 0, new Uint8Array(0));
          expect(worker.receiveTag(id, 0, new Uint8Array(1))).toBe(0);
          worker.cleanupAll();
          expect(await peer.line()).toBe("done");
          expect((await peer.exited).code).toBe(0);
        },
        { timeoutMs },
      );

      test(
        "behind a flood are reached, and the flood is received in order after its sender closed",
        async () => {
          const { peer, worker, id } = await start("flood");
          const buffer = new Uint8Array(8);
          expect(worker.receiveTag(id, 2, buffer)).toBe(3);
          expect(worker.stats().messagesSpilled).toBeGreaterThan(100);
          progressUntil(
            worker,
            "the peer's close",
            () => !worker.isConnected(id),
          );
          for (let index = 0; index < 500; index++) {
            expect(worker.receiveTag(id, 1, buffer)).toBe(2);
            expect((buffer[0] ?? 0) + (buffer[1] ?? 0) * 256).toBe(index);
          }
          expect(worker.stats().messagesReceived).toBe(501);
          expect(worker.stats().messagesDropped).toBe(0);
          progressUntil(
            worker,
            "nothing is left",
            () => worker.getEndpointIds().length === 0,
          );
          expect((await peer.exited).code).toBe(0);
        },
        { timeoutMs },
      );

      test(
        "of a sender that is killed fail, announced or awaited",
        async () => {
          const { peer, worker, id } = await start("announce");
          const awaited = worker.startReceiveTag(id, 9, new Uint8Array(8));
          progressUntil(
            worker,
            "announcement",
            () => worker.probeTag(id, 1) !== undefined,
          );
          peer.kill("SIGKILL");
          await peer.exited;
          progressUntil(worker, "end", () => awaited.isDone, 20_000);
          expect(awaited.error instanceof UcxError).toBe(true);
          expect(() =>
            worker.receiveTag(id, 1, new Uint8Array(2 ** 22), {
              timeoutMs: 5000,
            }),
          ).toThrow(UcxError);
          expect(() => worker.receiveTag(id, 9, new Uint8Array(8))).toThrow(
            UcxError,
          );
        },
        { timeoutMs },
      );
    });

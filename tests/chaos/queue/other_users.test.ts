/** A queue between users, as far as it is let in. */
import { CrossProcessQueue } from "../../../src/queue/mod.ts";
import { peerFixture } from "../../support/peer_process.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import {
  afterEach,
  describe,
  expect,
  superuser,
  testIf,
} from "../../support/testing.ts";

const queues = queueFixture();
const peers = peerFixture();
const program = new URL("./other_user_program.ts", import.meta.url);
const limits = { timeoutMs: 40_000 };

afterEach(() => peers.stopAll());

for (const runtime of ["bun", "deno"] as const) {
  describe(`another user's process in ${runtime}`, () => {
    testIf(
      superuser,
      "to become another user",
      `in ${runtime} is refused, and let in only if both sides say so`,
      async () => {
        const ask = async (mode: number): Promise<unknown> => {
          const queue = queues.create({ mode });
          const peer = peers.start(runtime, program, "connect", queue.name);
          return JSON.parse(await peer.line());
        };
        expect(await ask(0o600)).toEqual(["NotPermitted", "NotPermitted"]);
        expect(await ask(0o666)).toEqual(["NotPermitted", null]);
      },
      limits,
    );

    testIf(
      superuser,
      "to become another user",
      `in ${runtime} that was let in gets what is sent, without a wake-up, and what it held comes back when it is killed`,
      async () => {
        const queue = queues.create({ mode: 0o666 });
        const peer = peers.start(runtime, program, "take", queue.name);
        expect(await peer.line()).toBe('"ready"');
        expect(queue.tryReceive()?.text()).toBe("from another user");
        queue.send("precious");
        const sentMs = performance.now();
        expect(await peer.line()).toBe('"precious"');
        expect(performance.now() - sentMs).toBeLessThan(5000);
        expect(queue.tryReserve()).toBeNull();
        peer.kill("SIGKILL");
        await peer.exited;
        const job = await queue.reserve({ timeoutMs: 10_000 });
        expect([job?.text(), job?.attempts]).toEqual(["precious", 2]);
        job?.ack();
        const handles = CrossProcessQueue.connect(queue.name, {
          shared: true,
          observe: true,
        });
        expect(handles.status().participants.length).toBe(1);
        handles.close();
      },
      limits,
    );
  });
}

/** An exclusive consumer in another process, and its death. */
import { ConsumerExcludedError } from "../../../src/queue/mod.ts";
import { peerFixture } from "../../support/peer_process.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();
const peers = peerFixture();
const program = new URL("./peer_program.ts", import.meta.url);
const timeoutMs = 30_000;

afterEach(() => peers.stopAll());

for (const runtime of ["bun", "deno"] as const) {
  describe(`an exclusive consumer in ${runtime}`, () => {
    test(
      "excludes other processes until it is killed; what it held comes back in order, before all else",
      async () => {
        const queue = queues.create({ maxDeliver: 9 });
        const all = Array.from({ length: 40 }, (_, index) => `${index}`);
        queue.sendMany(all);
        const first = peers.start(runtime, program, "hoard", queue.name, "15");
        expect(JSON.parse(await first.line())).toEqual(all.slice(0, 15));
        expect(() => queue.tryReceive()).toThrow(ConsumerExcludedError);
        expect(() => queues.connect(queue, { exclusive: true })).toThrow(
          ConsumerExcludedError,
        );
        const holder = queue
          .status()
          .participants.find((each) => each.consumer === "exclusive");
        expect(holder?.pid).toBe(first.pid);
        first.kill("SIGKILL");
        await first.exited;
        // The next one is killed as well, with fewer of them.
        const second = peers.start(runtime, program, "hoard", queue.name, "5");
        expect(JSON.parse(await second.line())).toEqual(all.slice(0, 5));
        second.kill("SIGKILL");
        await second.exited;
        const last = queues.connect(queue, { exclusive: true });
        const jobs = last.tryReserveMany(40);
        expect(jobs.map((job) => job.text())).toEqual(all);
        // One delivery and one attempt more each time.
        expect(jobs.map((job) => job.attempts)).toEqual(
          all.map((_, index) => (index < 5 ? 5 : index < 15 ? 3 : 1)),
        );
        expect(last.ackMany(jobs)).toBe(40);
      },
      { timeoutMs },
    );

    test(
      "is refused while another process takes, until that is killed",
      async () => {
        const queue = queues.create();
        queue.send("precious");
        const worker = peers.start(runtime, program, "hold", queue.name);
        expect(await worker.line()).toBe('"precious"');
        const connect = () => queues.connect(queue, { exclusive: true });
        expect(connect).toThrow(ConsumerExcludedError);
        worker.kill("SIGKILL");
        await worker.exited;
        expect(connect().tryReserve()?.text()).toBe("precious");
      },
      { timeoutMs },
    );
  });
}

import { AsyncUcxManager, UcxWorker } from "../../../src/ucx/mod.ts";
import { Requests } from "../../../src/ucx/core/requests.ts";
import type { UcpFunctions } from "../../../ffi/ucp/library.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { connectSelf, transports } from "../../support/ucx_self.ts";

const ucx = transports.tcp;
const timeoutMs = 30_000;
const managers: AsyncUcxManager[] = [];

afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.shutdown()));
});

/** Calls of UCX that must not be made any more would end this process. */
describe("a worker that is closed by a hook", () => {
  test(
    "while a deadline is looked at, ends its progress loop",
    async () => {
      const worker = new UcxWorker({
        ucx,
        connectTimeoutMs: 200,
        spinUs: 0,
        progressIntervalUs: 1000,
      });
      const errors: string[] = [];
      worker.events.on("error", (error) => {
        errors.push(error.name);
        worker.close();
      });
      const listener = worker.createListener("127.0.0.1:0");
      // A peer of raw mode never says hello.
      const raw = new AsyncUcxManager({ ucx, raw: true });
      managers.push(raw);
      const connected = raw
        .createClient()
        .connect(listener.address)
        .catch(() => {});
      const endMs = performance.now() + 20_000;
      while (errors.length === 0 && performance.now() < endMs) {
        worker.runProgressLoop(5);
        await new Promise((resolve) => setTimeout(resolve, 1));
        // The last turns are those of one long loop.
        if (worker.stats().elapsedSeconds > 0.1) worker.runProgressLoop(1000);
      }
      expect(errors).toEqual(["UcxTimeoutError"]);
      expect(worker.getEndpointIds()).toEqual([]);
      await connected;
    },
    { timeoutMs },
  );

  test(
    "while others connect by its address, lets them down",
    async () => {
      const worker = new UcxWorker({ ucx });
      let opened = 0;
      worker.events.on("open", () => {
        opened++;
        // What the others say meanwhile comes all at once.
        const endMs = performance.now() + 100;
        while (performance.now() < endMs);
        worker.close({ timeoutMs: 0 });
      });
      const { workerAddress } = worker;
      const ends = [1, 2, 3, 4].map(async () => {
        const manager = new AsyncUcxManager({ ucx });
        managers.push(manager);
        const client = manager.createClient();
        try {
          await client.connectToWorker(workerAddress, { timeoutMs: 3000 });
        } catch {
          return "refused";
        }
        await client.closed;
        return "closed";
      });
      while (opened === 0) {
        worker.runProgressLoop(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect(worker.getEndpointIds()).toEqual([]);
      expect((await Promise.all(ends)).length).toBe(4);
    },
    { timeoutMs },
  );

  test("by an event of the end, forgets connections without UCX", () => {
    const worker = new UcxWorker({ ucx });
    const { to } = connectSelf(worker);
    connectSelf(worker);
    let closed = 0;
    worker.events.on("close", () => {
      closed++;
      worker.close();
    });
    worker.disconnect(to, { timeoutMs: 0 });
    expect(closed).toBe(4);
    expect(worker.getEndpointIds()).toEqual([]);
  });
});

describe("requests of a worker that is gone", () => {
  test("are done, without UCX being asked for them", () => {
    // No functions: a call of one would throw.
    const requests = new Requests({} as UcpFunctions, 1, () => {});
    const statuses: number[] = [];
    for (let count = 1; count <= 3; count++)
      requests.add("plain", count, undefined).onDone = ({ status }) =>
        statuses.push(status);
    requests.abandon();
    expect(statuses).toEqual([-16, -16, -16]);
    expect(requests.count).toBe(0);
    expect(requests.poll()).toBe(0);
  });
});

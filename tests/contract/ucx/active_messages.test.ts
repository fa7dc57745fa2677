import {
  type ActiveMessage,
  UcxClosedError,
  UcxFeatureDisabledError,
  UcxLimitError,
  UcxNotConnectedError,
} from "../../../src/ucx/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { loopTransports, UcxLoop } from "../../support/ucx_loop.ts";
import { empty } from "../../support/ucp_pair.ts";

const none = empty(0);

/** Progresses until there is as much as wanted. */
function until(loop: UcxLoop, done: () => boolean): void {
  const endMs = performance.now() + 10_000;
  while (!done()) {
    if (performance.now() > endMs) throw new Error("waited in vain");
    loop.worker.runProgressLoop(1);
  }
}

for (const [name, keys] of Object.entries(loopTransports)) {
  describe(`UCX active messages over ${name}`, () => {
    const config = { ucx: keys, enableActiveMessages: true };

    test("header and data arrive, and who has sent them is known", () => {
      using loop = new UcxLoop(config);
      const { worker, near, far } = loop;
      const got: ActiveMessage[] = [];
      worker.onActiveMessage(3, (message) => {
        got.push(message);
      });
      const header = patternBytes(100, 5000);
      const sizes = [0, 1, 100, 5000, 100_000, 1_000_000];
      for (const size of sizes) {
        worker.sendActiveMessage(near, 3, header, patternBytes(size));
        until(loop, () => got.length > 0);
        const message = got.shift();
        expect([message?.id, message?.endpointId]).toEqual([3, far]);
        expect(message?.header).toEqual(header);
        expect(message?.byteLength).toBe(size);
        expect(message?.data).toEqual(patternBytes(size));
      }
      worker.sendActiveMessage(far, 3, none, none, { reply: false });
      until(loop, () => got.length > 0);
      expect(got[0]?.endpointId).toBe(undefined);
      expect(worker.endpointStats(far).messagesReceived).toBe(sizes.length);
    });

    test("data of several buffers is one message, however it is carried", () => {
      using loop = new UcxLoop(config);
      const { worker, near } = loop;
      const got: Uint8Array[] = [];
      worker.onActiveMessage(0, ({ data }) => {
        got.push(data);
      });
      const all = patternBytes(50_000);
      const parts = [
        all.subarray(0, 7),
        all.subarray(7, 7),
        all.subarray(7, 30_000),
        all.subarray(30_000),
      ];
      for (const protocol of ["eager", "rendezvous", undefined] as const)
        worker.sendActiveMessage(near, 0, none, parts, { protocol });
      worker.sendActiveMessage(near, 0, none, all, { protocol: "rendezvous" });
      worker.sendActiveMessage(near, 0, none, all, { protocol: "eager" });
      until(loop, () => got.length === 5);
      for (const data of got) expect(data).toEqual(all);
    });

    test("data may stay in UCX's memory until it is released", () => {
      using loop = new UcxLoop(config);
      const { worker, near } = loop;
      const held: ActiveMessage[] = [];
      worker.onActiveMessage(
        1,
        (message) => {
          held.push(message);
        },
        { hold: true },
      );
      for (let count = 0; count < 100; count++)
        worker.sendActiveMessage(near, 1, none, patternBytes(2000, count));
      until(loop, () => held.length === 100);
      for (const [count, message] of held.entries())
        expect(message.data).toEqual(patternBytes(2000, count));
      const [first, second] = held;
      const view = first?.data;
      first?.release();
      first?.release();
      expect(view?.length).toBe(0);
      expect(() => first?.data).toThrow(UcxClosedError);
      worker.close();
      expect(second?.data).toEqual(patternBytes(2000, 1));
      for (const message of held) message.release();
    });

    test("a handler that throws, at once or later, is an error event", async () => {
      using loop = new UcxLoop(config);
      const { worker, near } = loop;
      const errors: string[] = [];
      worker.events.on("error", (error) => errors.push(error.message));
      let calls = 0;
      worker.onActiveMessage(1, () => {
        calls++;
        throw new Error("at once");
      });
      worker.onActiveMessage(2, async () => {
        calls++;
        await Promise.resolve();
        throw new Error("later");
      });
      worker.sendActiveMessage(near, 1, none, none);
      worker.sendActiveMessage(near, 2, none, none);
      until(loop, () => calls === 2);
      await new Promise((resolve) => setTimeout(resolve, 0));
      expect(errors.toSorted()).toEqual(["at once", "later"]);
    });

    test("a handler can answer, receive, and close the connection", () => {
      using loop = new UcxLoop(config);
      const { worker, near, far } = loop;
      const answers: number[] = [];
      worker.onActiveMessage(1, ({ endpointId = 0, data }) => {
        const buffer = empty(10);
        worker.sendTag(near, 5, patternBytes(10));
        expect(worker.receiveTag(far, 5, buffer)).toBe(10);
        worker.sendActiveMessage(endpointId, 2, none, data);
      });
      worker.onActiveMessage(2, ({ endpointId = 0, byteLength }) => {
        answers.push(endpointId, byteLength);
        worker.disconnect(endpointId);
      });
      worker.sendActiveMessage(near, 1, none, patternBytes(200_000), {
        timeoutMs: 10_000,
      });
      until(loop, () => answers.length > 0);
      expect(answers).toEqual([near, 200_000]);
      expect(worker.isConnected(near)).toBe(false);
    });

    test("without a handler a message is dropped, and its sender goes on", () => {
      using loop = new UcxLoop(config);
      const { worker, near } = loop;
      let calls = 0;
      const off = worker.onActiveMessage(7, () => {
        calls++;
      });
      off();
      off();
      worker.sendActiveMessage(near, 7, none, patternBytes(100));
      worker.sendActiveMessage(near, 7, none, patternBytes(1_000_000));
      worker.onActiveMessage(8, () => {
        calls += 100;
      });
      worker.sendActiveMessage(near, 8, none, none);
      until(loop, () => calls >= 100);
      expect(calls).toBe(100);
    });
  });
}

describe("UCX active messages", () => {
  const ucx = loopTransports.tcp;

  test("are refused where they are turned off", () => {
    using loop = new UcxLoop({ ucx });
    expect(() => loop.worker.onActiveMessage(1, () => {})).toThrow(
      UcxFeatureDisabledError,
    );
    expect(() =>
      loop.worker.sendActiveMessage(loop.near, 1, none, none),
    ).toThrow(UcxFeatureDisabledError);
  });

  test("refuse ids that are not the user's, headers that are too long, and endpoints that are not there", () => {
    using loop = new UcxLoop({ ucx, enableActiveMessages: true });
    const { worker, near } = loop;
    for (const id of [-1, 0.5, 65_536, Number.NaN, 21])
      for (const call of [
        () => worker.onActiveMessage(id, () => {}),
        () => worker.sendActiveMessage(near, id, none, none),
      ])
        expect(call).toThrow(RangeError);
    expect(() =>
      worker.sendActiveMessage(near, 1, empty(100_000), none),
    ).toThrow(RangeError);
    expect(() => worker.sendActiveMessage(99, 1, none, none)).toThrow(
      UcxNotConnectedError,
    );
    expect(() => worker.onActiveMessage(1, "f" as never)).toThrow(TypeError);
  });

  test("that are longer than the receiver takes are refused by the sender", () => {
    using loop = new UcxLoop({
      ucx,
      enableActiveMessages: true,
      maxMessageSize: 1000,
    });
    const { worker, near } = loop;
    expect(() => worker.sendActiveMessage(near, 1, none, empty(1001))).toThrow(
      UcxLimitError,
    );
  });

  test("that are longer than the receiver takes are refused by the receiver in raw mode", () => {
    using loop = new UcxLoop({
      ucx,
      raw: true,
      enableActiveMessages: true,
      maxMessageSize: 1000,
    });
    const { worker, near } = loop;
    const errors: Error[] = [];
    worker.events.on("error", (error) => errors.push(error));
    let calls = 0;
    worker.onActiveMessage(1, () => {
      calls++;
    });
    worker.sendActiveMessage(near, 1, none, empty(1001));
    until(loop, () => errors.length === 1);
    expect(errors[0]).toBeInstanceOf(UcxLimitError);
    worker.sendActiveMessage(near, 1, none, empty(1000));
    until(loop, () => calls === 1);
  });
});

import {
  UcxFeatureDisabledError,
  UcxNotConnectedError,
  UcxWorker,
} from "../../../src/ucx/mod.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import {
  pattern,
  same,
  selfFixture,
  transports,
} from "../../support/ucx_self.ts";

const selves = selfFixture();
afterEach(() => selves.closeAll());

describe("calls for tagged messages", () => {
  test("refuse memory that may go away, at each call anew", () => {
    const { worker, to, from } = selves.connect();
    const view = new Uint8Array(new ArrayBuffer(8));
    worker.sendTag(to, 1, view);
    worker.receiveTag(from, 1, view);
    structuredClone(view.buffer, { transfer: [view.buffer] });
    expect(() => worker.sendTag(to, 1, view)).toThrow("detached");
    expect(() => worker.tryReceiveTag(from, 1, view)).toThrow("detached");
    expect(() => worker.receiveTag(from, 1, view)).toThrow("detached");
    const resizable = new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }));
    expect(() => worker.startSendTag(to, 1, resizable)).toThrow("resizable");
    expect(() => worker.startReceiveTag(from, 1, resizable)).toThrow(
      "resizable",
    );
    expect(() =>
      worker.sendTag(to, 1, "text" as unknown as Uint8Array),
    ).toThrow(TypeError);
    expect(() =>
      worker.sendTag(to, 1, new Uint8Array(1), { timeoutMs: -1 }),
    ).toThrow(RangeError);
  });

  test("need the feature, a connection and an open worker", () => {
    using plain = new UcxWorker({
      ucx: transports.tcp,
      enableTag: false,
      enableStream: true,
    });
    const buffer = new Uint8Array(1);
    expect(() => plain.tryReceiveTag(undefined, 1, buffer)).toThrow(
      UcxFeatureDisabledError,
    );
    expect(() => plain.broadcastTag(1, buffer)).toThrow(
      UcxFeatureDisabledError,
    );
    const { worker, to } = selves.connect();
    expect(() => worker.sendTag(99, 1, buffer)).toThrow(UcxNotConnectedError);
    expect(() => worker.endpoint(99)).toThrow(UcxNotConnectedError);
    const endpoint = worker.endpoint(to);
    worker.close();
    expect(() => worker.sendTag(to, 1, buffer)).toThrow("closed");
    expect(() => endpoint.sendTag(1, buffer)).toThrow("closed");
    expect(() => worker.probeTag()).toThrow("closed");
  });

  test(
    "go well for a thousand rounds of several workers",
    () => {
      const pairs = [1, 2, 3].map((seed) => ({ seed, ...selves.connect() }));
      const sizes = [0, 3, 8, 100, 5000, 20_000];
      for (let round = 0; round < 1000; round++)
        for (const { worker, to, from, seed } of pairs) {
          const size = sizes[(round + seed) % sizes.length] ?? 0;
          const data = pattern(size, round);
          const send = worker.startSendTag(to, seed, data);
          const message = worker.receiveTagMessage(from, seed);
          send.wait();
          if (!same(message.data, data)) throw new Error(`round ${round}`);
        }
      for (const { worker } of pairs) {
        expect(worker.stats().messagesReceived).toBe(1000);
        expect(worker.stats().messagesSpilled).toBe(0);
      }
    },
    { timeoutMs: 60_000 },
  );
});

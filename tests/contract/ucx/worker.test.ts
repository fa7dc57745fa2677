import {
  UcxNotConnectedError,
  UcxTimeoutError,
  UcxWorker,
} from "../../../src/ucx/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { connectSelf } from "../../support/ucx_self.ts";

const ucx = { TLS: "tcp", NET_DEVICES: "lo" };

describe("a UCX worker", () => {
  test("connects to itself, sends, receives, and closes in order", () => {
    using worker = new UcxWorker({ ucx, name: "self" });
    const closed: boolean[] = [];
    worker.events.on("close", (info) => closed.push(info.orderly));
    const listener = worker.createListener("127.0.0.1:0");
    const id = worker.connect(listener.address);
    expect(worker.isConnected(id)).toBe(true);
    const data = new TextEncoder().encode("hello");
    worker.sendTag(id, 7, data);
    const buffer = new Uint8Array(100);
    expect(worker.receiveTag(undefined, 7, buffer)).toBe(5);
    expect(new TextDecoder().decode(buffer.subarray(0, 5))).toBe("hello");
    expect(worker.tryReceiveTag(undefined, 7, buffer)).toBe(undefined);
    expect(() => worker.receiveTag(id, 8, buffer, { timeoutMs: 20 })).toThrow(
      UcxTimeoutError,
    );
    worker.cleanupAll();
    expect(closed).toEqual([true, true]);
    expect(worker.getEndpointIds()).toEqual([]);
    expect(worker.stats().messagesReceived).toBe(1);
  });

  test("lists a connection until what came before its close was received", () => {
    using worker = new UcxWorker({ ucx });
    const listener = worker.createListener("127.0.0.1:0");
    const ours = worker.connect(listener.address);
    const [theirs] = worker.getEndpointIds().filter((id) => id !== ours);
    worker.sendTag(ours, 3, new TextEncoder().encode("last words"));
    worker.disconnect(ours);
    expect(worker.getEndpointIds()).toEqual([theirs]);
    expect(worker.isConnected(theirs ?? 0)).toBe(false);
    expect(worker.tryReceiveTag(theirs, 3, new Uint8Array(100))).toBe(10);
    expect(worker.getEndpointIds()).toEqual([]);
    // Who loops over a list that was made before must not stumble over it.
    expect(worker.tryReceiveTag(theirs, 3, new Uint8Array(100))).toBe(
      undefined,
    );
    expect(worker.probeTag(theirs)).toBe(undefined);
    expect(() => worker.tryReceiveTag(99, 3, new Uint8Array(100))).toThrow(
      UcxNotConnectedError,
    );
    expect(worker.stats().messagesDropped).toBe(0);
  });

  test("tells of the message that a call has got, whatever else is received meanwhile", () => {
    using worker = new UcxWorker({ ucx });
    const [one, two] = [connectSelf(worker), connectSelf(worker)];
    const [into, other] = [new Uint8Array(8), new Uint8Array(8)];
    // More calls than there are between two turns of progress.
    for (let count = 0; count < 300; count++) {
      worker.sendTag(one.to, 5, new Uint8Array(3));
      while (worker.probeTag(one.from, 5) === undefined) worker.progress();
      const request = worker.startReceiveTag(two.from, 7, other);
      worker.sendTag(two.to, 7, new Uint8Array(4));
      expect(worker.receiveTagInto(one.from, 5, into)).toEqual({
        byteLength: 3,
        tag: 5,
        endpointId: one.from,
      });
      expect(request.wait().endpointId).toBe(two.from);
    }
  });
});

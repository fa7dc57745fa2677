import {
  type MemoryType,
  UcxCanceledError,
  UcxError,
  UcxNotConnectedError,
  UcxTimeoutError,
  UcxTruncatedError,
  UcxUnexpectedOverflowError,
  UcxUnsupportedError,
} from "../../../src/ucx/mod.ts";
import { handleOf } from "../../../ffi/host.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import {
  connectSelf,
  pattern,
  progressUntil,
  same,
  selfFixture,
  transports,
} from "../../support/ucx_self.ts";

const timeoutMs = 30_000;
const selves = selfFixture();
afterEach(() => selves.closeAll());

const text = (bytes: Uint8Array, length: number) =>
  new TextDecoder().decode(bytes.subarray(0, length));
const bytesOf = (words: string) => new TextEncoder().encode(words);

for (const [name, ucx] of Object.entries(transports))
  describe(`tagged messages over ${name}`, () => {
    const connect = (config = {}) => selves.connect({ ucx, ...config });

    test(
      "of any length arrive, posted before and after they come",
      () => {
        const { worker, to, from } = connect();
        for (const size of [0, 1, 8, 1000, 8193, 70_000, 2 ** 20]) {
          const data = pattern(size, size);
          const early = pattern(size + 8, 1);
          const posted = worker.startReceiveTag(from, 1, early);
          const first = worker.startSendTag(to, 1, data);
          expect(posted.wait().byteLength).toBe(size);
          first.wait();
          expect(same(early.subarray(0, size), data)).toBe(true);
          const late = new Uint8Array(size);
          const second = worker.startSendTag(to, 1, data);
          expect(worker.receiveTag(from, 1, late)).toBe(size);
          second.wait();
          expect(same(late, data)).toBe(true);
        }
      },
      { timeoutMs },
    );

    test("in several buffers are one, in their order; slices go where they point", () => {
      const { worker, to, from } = connect();
      for (let count = 1; count <= 8; count++) {
        const whole = pattern(count * 1000, count);
        const parts = Array.from({ length: count }, (_, index) =>
          whole.subarray(index * 1000, (index + 1) * 1000),
        );
        const send = worker.startSendTag(to, 3, parts);
        const target = new Uint8Array(count * 1000 + 20).fill(9);
        expect(worker.receiveTag(from, 3, target.subarray(10))).toBe(
          count * 1000,
        );
        send.wait();
        expect(same(target.subarray(10, 10 + count * 1000), whole)).toBe(true);
        expect(target[9]).toBe(9);
        expect(target[10 + count * 1000]).toBe(9);
      }
      const none = new Uint8Array(0);
      for (const empty of [[], [none], [none, none]]) {
        worker.sendTag(to, 3, empty);
        expect(worker.receiveTag(from, 3, new Uint8Array(1))).toBe(0);
      }
    });

    test("that are too long stay, whoever asks, and are received later", () => {
      const { worker, to, from } = connect();
      const data = pattern(100, 1);
      const small = new Uint8Array(10);
      worker.sendTag(to, 5, data);
      worker.sendTag(to, 5, bytesOf("next"));
      expect(() => worker.receiveTag(from, 5, small)).toThrow(
        UcxTruncatedError,
      );
      expect(() => worker.tryReceiveTag(from, 5, small)).toThrow(
        UcxTruncatedError,
      );
      expect(() => worker.receiveTagMessage(from, 5, { maxBytes: 99 })).toThrow(
        UcxTruncatedError,
      );
      expect(worker.probeTag(from, 5)?.byteLength).toBe(100);
      expect(same(worker.receiveTagMessage(from, 5).data, data)).toBe(true);
      expect(worker.receiveTag(from, 5, small)).toBe(4);
      expect(worker.stats().messagesReceived).toBe(2);
      expect(worker.stats().bytesReceived).toBe(104);
    });

    test("are lost to a receive that was posted before with too short a buffer", () => {
      const { worker, to, from } = connect();
      const request = worker.startReceiveTag(from, 5, new Uint8Array(10));
      worker.sendTag(to, 5, pattern(100, 1));
      let caught: unknown;
      try {
        request.wait();
      } catch (error) {
        caught = error;
      }
      expect(caught instanceof UcxTruncatedError).toBe(true);
      expect((caught as UcxTruncatedError).messageBytes).toBe(100);
      expect(worker.endpointStats(from).errors).toBe(1);
    });

    test(
      "long ones are looked at, tried and received whole",
      () => {
        const { worker, to, from } = connect();
        const data = pattern(2 ** 21, 3);
        const send = worker.startSendTag(to, 6, data);
        progressUntil(
          worker,
          "announced",
          () => worker.probeTag(from, 6) !== undefined,
        );
        expect(worker.probeTag(from, 6)).toEqual({
          byteLength: 2 ** 21,
          tag: 6,
          endpointId: from,
        });
        const buffer = new Uint8Array(2 ** 21);
        let length: number | undefined;
        progressUntil(worker, "fetched", () => {
          length = worker.tryReceiveTag(from, 6, buffer);
          return length !== undefined;
        });
        expect(length).toBe(2 ** 21);
        expect(same(buffer, data)).toBe(true);
        send.wait();
        expect(worker.stats().messagesSpilled).toBe(0);
      },
      { timeoutMs },
    );

    test(
      "of a tag that is waited for come through when others have used up the credit",
      () => {
        const { worker, to, from } = connect({ creditMessages: 8 });
        const sends = Array.from({ length: 50 }, (_, index) =>
          worker.startSendTag(to, 1, Uint8Array.of(index)),
        );
        const last = worker.startSendTag(to, 2, bytesOf("behind"));
        expect(last.isDone).toBe(false);
        const buffer = new Uint8Array(10);
        expect(worker.receiveTag(from, 2, buffer)).toBe(6);
        expect(text(buffer, 6)).toBe("behind");
        expect(worker.stats().messagesSpilled > 0).toBe(true);
        expect(worker.stats().messagesReceived).toBe(1);
        expect(worker.probeTag(from)).toEqual({
          byteLength: 1,
          tag: 1,
          endpointId: from,
        });
        for (let index = 0; index < 50; index++) {
          expect(worker.receiveTag(from, 1, buffer)).toBe(1);
          expect(buffer[0]).toBe(index);
        }
        for (const send of sends) send.wait();
        expect(worker.stats().messagesSpilled).toBe(0);
        expect(worker.stats().messagesReceived).toBe(51);
      },
      { timeoutMs },
    );

    test(
      "come through to who only looks, and to a receive that was posted",
      () => {
        const { worker, to, from } = connect({ creditMessages: 4 });
        const send = (tag: number, count: number) =>
          Array.from({ length: count }, () =>
            worker.startSendTag(to, tag, Uint8Array.of(tag)),
          );
        const first = send(1, 20).concat(send(2, 1));
        const buffer = new Uint8Array(10);
        progressUntil(
          worker,
          "tag 2",
          () => worker.tryReceiveTag(from, 2, buffer) !== undefined,
        );
        const posted = worker.startReceiveTag(undefined, 3, buffer);
        const second = send(1, 20).concat(send(3, 1));
        expect(posted.wait()).toEqual({
          byteLength: 1,
          tag: 3,
          endpointId: from,
        });
        for (let index = 0; index < 40; index++)
          worker.receiveTag(from, 1, buffer);
        for (const request of [...first, ...second]) request.wait();
      },
      { timeoutMs },
    );

    test(
      "wait at their sender when nobody receives, and only there",
      () => {
        const { worker, to, from } = connect({ creditMessages: 8 });
        for (let count = 0; count < 8; count++)
          worker.sendTag(to, 1, Uint8Array.of(count));
        expect(() =>
          worker.sendTag(to, 1, Uint8Array.of(8), { timeoutMs: 30 }),
        ).toThrow(UcxTimeoutError);
        expect(worker.stats().messagesSent).toBe(8);
        expect(worker.stats().messagesSpilled).toBe(0);
        const buffer = new Uint8Array(4);
        for (let count = 0; count < 8; count++) {
          worker.receiveTag(from, 1, buffer);
          expect(buffer[0]).toBe(count);
        }
        worker.sendTag(to, 1, Uint8Array.of(8));
        expect(worker.receiveTag(from, 1, buffer)).toBe(1);
      },
      { timeoutMs },
    );

    test(
      "that do not fit into what may be kept aside end their connection",
      () => {
        const { worker, to, from } = connect({
          creditMessages: 8,
          spillBytes: 4000,
        });
        const sends = Array.from({ length: 40 }, () =>
          worker.startSendTag(to, 1, new Uint8Array(500)),
        );
        const buffer = new Uint8Array(1000);
        // Who only looks gets back-pressure, no end.
        for (let turn = 0; turn < 2000; turn++)
          expect(worker.tryReceiveTag(from, 2, buffer)).toBe(undefined);
        expect(worker.isConnected(from)).toBe(true);
        expect(() => worker.receiveTag(from, 2, buffer)).toThrow(
          UcxUnexpectedOverflowError,
        );
        progressUntil(worker, "end of both", () =>
          sends.every((send) => send.isDone),
        );
        expect(sends.at(-1)?.error instanceof UcxError).toBe(true);
      },
      { timeoutMs },
    );

    test("requests are taken back before they meet, and not after", () => {
      const { worker, to, from } = connect();
      const buffer = new Uint8Array(8);
      const receive = worker.startReceiveTag(from, 4, buffer);
      expect(() => receive.result).toThrow("goes on");
      expect(() => receive.wait({ timeoutMs: 5 })).toThrow(UcxTimeoutError);
      expect(receive.cancel()).toBe(true);
      expect(receive.cancel()).toBe(false);
      expect(receive.error instanceof UcxCanceledError).toBe(true);
      expect(() => receive.result).toThrow(UcxCanceledError);
      worker.sendTag(to, 4, bytesOf("kept"));
      const met = worker.startReceiveTag(from, 4, buffer);
      expect(met.wait().byteLength).toBe(4);
      expect(met.cancel()).toBe(false);
      expect(met.result).toEqual({ byteLength: 4, tag: 4, endpointId: from });
    });

    test("sends that wait for credit are taken back, and keep their order", () => {
      const { worker, to, from } = connect({ creditMessages: 2 });
      const sends = Array.from({ length: 6 }, (_, index) =>
        worker.startSendTag(to, 1, Uint8Array.of(index)),
      );
      expect(sends[3]?.cancel()).toBe(true);
      expect(sends[3]?.error instanceof UcxCanceledError).toBe(true);
      expect(sends[0]?.cancel()).toBe(false);
      const buffer = new Uint8Array(4);
      for (const expected of [0, 1, 2, 4, 5]) {
        worker.receiveTag(from, 1, buffer);
        expect(buffer[0]).toBe(expected);
      }
      worker.sendTag(to, 1, Uint8Array.of(6));
      worker.receiveTag(from, 1, buffer);
      expect(buffer[0]).toBe(6);
    });

    test("a synchronous send is done when the message is received", () => {
      const { worker, to, from } = connect();
      const send = worker.startSendTag(to, 1, bytesOf("now"), { sync: true });
      for (let turn = 0; turn < 300; turn++) worker.progress();
      expect(send.isDone).toBe(false);
      expect(() =>
        worker.sendTag(to, 2, bytesOf("x"), { sync: true, timeoutMs: 20 }),
      ).toThrow(UcxTimeoutError);
      worker.receiveTag(from, 1, new Uint8Array(3));
      expect(send.wait()).toEqual({ byteLength: 3, tag: 1, endpointId: to });
      worker.receiveTag(from, 2, new Uint8Array(3));
    });

    test("are selected by tag, mask and sender; edges of tags too", () => {
      const { worker, to, from } = connect();
      const buffer = new Uint8Array(32);
      const largest = 2 ** 40 - 1;
      for (const tag of [0, 1, largest, BigInt(largest), 2 ** 31, 2 ** 32]) {
        worker.sendTag(to, tag, bytesOf("edge"));
        expect(worker.receiveTagInto(from, tag, buffer)).toEqual({
          byteLength: 4,
          tag: Number(tag),
          endpointId: from,
        });
      }
      expect(() => worker.sendTag(to, 2 ** 40, buffer)).toThrow("raw: true");
      expect(() => worker.receiveTag(from, 2n ** 40n, buffer)).toThrow(
        RangeError,
      );
      expect(() =>
        worker.tryReceiveTag(from, 1, buffer, { mask: -1n }),
      ).toThrow(RangeError);
      worker.sendTag(to, 0xa1, bytesOf("a"));
      worker.sendTag(to, 0xb2, bytesOf("b"));
      expect(
        worker.receiveTagInto(from, 0x02, buffer, { mask: 0x0fn }).tag,
      ).toBe(0xb2);
      expect(
        worker.tryReceiveTagInto(undefined, 0xa0, buffer, { mask: 0xf0n }),
      ).toEqual({ byteLength: 1, tag: 0xa1, endpointId: from });
      // Tag 2 waits while tag 1 comes.
      const two = worker.startReceiveTag(from, 2, buffer);
      worker.sendTag(to, 1, bytesOf("one"));
      expect(worker.receiveTagMessage(from, 1).byteLength).toBe(3);
      expect(two.isDone).toBe(false);
      worker.sendTag(to, 2, bytesOf("two"));
      expect(two.wait().byteLength).toBe(3);
    });

    test("of two connections with one tag never cross", () => {
      const { worker, to, from } = connect();
      const other = connectSelf(worker);
      const buffer = new Uint8Array(32);
      for (let round = 0; round < 100; round++) {
        worker.sendTag(to, 7, bytesOf("first"));
        worker.sendTag(other.to, 7, bytesOf("second!"));
        expect(worker.receiveTag(other.from, 7, buffer)).toBe(7);
        expect(text(buffer, 7)).toBe("second!");
        expect(worker.receiveTagInto(undefined, 7, buffer).endpointId).toBe(
          from,
        );
        expect(worker.tryReceiveTag(from, 7, buffer)).toBe(undefined);
      }
    });

    test("are readable after their sender has closed, those kept aside too", () => {
      const { worker, to, from } = connect({ creditMessages: 4 });
      const sends = [1, 1, 1, 1, 2].map((tag) =>
        worker.startSendTag(to, tag, Uint8Array.of(tag)),
      );
      const buffer = new Uint8Array(4);
      worker.receiveTag(from, 2, buffer);
      for (const send of sends) send.wait();
      expect(worker.stats().messagesSpilled).toBe(4);
      worker.disconnect(to);
      progressUntil(worker, "closed", () => !worker.isConnected(from));
      expect(() => worker.sendTag(from, 1, buffer)).toThrow(
        UcxNotConnectedError,
      );
      for (let count = 0; count < 4; count++)
        expect(worker.receiveTag(from, 1, buffer)).toBe(1);
      expect(() => worker.receiveTag(from, 1, buffer)).toThrow(
        UcxNotConnectedError,
      );
      expect(worker.getEndpointIds()).toEqual([]);
      expect(worker.stats().messagesDropped).toBe(0);
    });

    test("a receive ends when its connection does", () => {
      const { worker, to, from } = connect();
      const posted = worker.startReceiveTag(from, 1, new Uint8Array(8));
      const any = worker.startReceiveTag(undefined, 1, new Uint8Array(8));
      worker.disconnect(to);
      progressUntil(worker, "end", () => posted.isDone);
      expect(posted.error instanceof UcxNotConnectedError).toBe(true);
      expect(any.isDone).toBe(false);
      expect(any.cancel()).toBe(true);
    });

    test("native memory is sent from and received into", () => {
      const { worker, to, from } = connect();
      const source = pattern(64, 5);
      const target = new Uint8Array(new ArrayBuffer(64));
      worker.sendTag(to, 1, { address: handleOf(source), byteLength: 64 });
      expect(
        worker.receiveTag(from, 1, {
          address: handleOf(target),
          byteLength: 64,
          memoryType: "host",
        }),
      ).toBe(64);
      expect(same(source, target)).toBe(true);
      const memoryType: MemoryType = "cuda";
      expect(() =>
        worker.sendTag(to, 1, { address: 4096, byteLength: 8, memoryType }),
      ).toThrow(UcxUnsupportedError);
      expect(() =>
        worker.startReceiveTag(from, 1, {
          address: 4096,
          byteLength: 8,
          memoryType,
        }),
      ).toThrow("cuda");
    });

    test("an endpoint object does the same, and tells its transports", () => {
      const { worker, to, from } = connect();
      const [sender, receiver] = [worker.endpoint(to), worker.endpoint(from)];
      const buffer = new Uint8Array(8);
      sender.sendTag(1, bytesOf("hi"));
      expect(receiver.receiveTag(1, buffer)).toBe(2);
      expect(receiver.tryReceiveTag(1, buffer)).toBe(undefined);
      expect(sender.stats().messagesSent).toBe(1);
      expect(receiver.stats().bytesReceived).toBe(2);
      expect(sender.transports()).toContain(name === "tcp" ? "tcp" : "posix");
      worker.disconnect(to);
      expect(sender.isConnected).toBe(false);
      expect(sender.transports()).toBe("");
      expect(() => sender.sendTag(1, buffer)).toThrow(UcxError);
    });
  });

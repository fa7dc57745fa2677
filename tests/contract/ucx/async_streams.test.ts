import {
  UcxFeatureDisabledError,
  UcxNotConnectedError,
} from "../../../src/ucx/mod.ts";
import { patternAt, patternBytes } from "../../support/byte_pattern.ts";
import {
  asyncUcxFixture,
  sharedMemoryUcx,
} from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();
const timeoutMs = 30_000;
const size = 1_000_000;

afterEach(() => ucx.closeAll());

describe("streams of an asynchronous client", () => {
  test(
    "carry more than the window in both directions, and close with the connection",
    async () => {
      const manager = ucx.manager({
        ucx: sharedMemoryUcx,
        streamWindowBytes: 100_000,
      });
      // Sends back what it reads; its end is the client's goodbye, and the other way round.
      const server = await ucx.serve(manager, async (client) => {
        const writer = client.writable().getWriter();
        let total = 0;
        for await (const bytes of client.readable()) {
          await writer.write(bytes);
          total += bytes.byteLength;
          if (total === size) break;
        }
        await writer.close();
      });
      const client = await ucx.connect(manager, server);
      const all = patternBytes(size);
      const writing = (async () => {
        const writer = client.writable().getWriter();
        for (let at = 0; at < size; at += 30_000)
          await writer.write(all.subarray(at, at + 30_000));
        await writer.close();
      })();
      let read = 0;
      let wrong = 0;
      for await (const bytes of client.readable())
        for (const byte of bytes) if (byte !== patternAt(read++)) wrong++;
      await writing;
      expect([read, wrong]).toEqual([size, 0]);
    },
    { timeoutMs },
  );

  test(
    "a read that waits ends with the manager, and does not keep it from ending",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, async (client) => {
        await client.closed;
      });
      const client = await ucx.connect(manager, server);
      const reading = client.readable().getReader().read();
      const outcome = reading.then(
        ({ done }) => (done ? "end" : "bytes"),
        (error: unknown) => error,
      );
      await manager.shutdown();
      const what = await outcome;
      expect(what === "end" || what instanceof UcxNotConnectedError).toBe(true);
    },
    { timeoutMs },
  );

  test(
    "are refused without a connection, and without enableStream",
    async () => {
      const manager = ucx.manager({ enableStream: false });
      expect(() => manager.createClient().readable()).toThrow(
        UcxNotConnectedError,
      );
      const server = await ucx.serve(manager, async (client) => {
        await client.closed;
      });
      const client = await ucx.connect(manager, server);
      expect(() => client.readable()).toThrow(UcxFeatureDisabledError);
      expect(() => client.writable()).toThrow(UcxFeatureDisabledError);
    },
    { timeoutMs },
  );
});

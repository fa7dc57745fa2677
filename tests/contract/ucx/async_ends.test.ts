import {
  asyncUcxFixture,
  sharedMemoryUcx,
  loopbackUcx,
  untilTrue,
} from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();
const timeoutMs = 30_000;

afterEach(() => ucx.closeAll());

describe("the end of an asynchronous connection", () => {
  test(
    "leaves what had arrived to be received, and lets go of it then",
    async () => {
      for (const keys of [loopbackUcx, sharedMemoryUcx]) {
        const [here, there] = [
          ucx.manager({ ucx: keys }),
          ucx.manager({ ucx: keys }),
        ];
        const got: number[] = [];
        const sent = Promise.withResolvers<void>();
        const server = await ucx.serve(here, async (client) => {
          const first = await client.receive();
          got.push(first.tag as number);
          await sent.promise;
          await client.closed;
          for await (const message of client) got.push(message.tag as number);
        });
        const client = await ucx.connect(there, server);
        for (let tag = 1; tag <= 5; tag++)
          await client.sendMessage(tag, new Uint8Array(tag * 100));
        await client.close();
        sent.resolve();
        await untilTrue(() => server.stats().handlers === 0, "handler ends");
        expect(got).toEqual([1, 2, 3, 4, 5]);
        const stats = here.stats();
        expect(stats.messagesReceived).toBe(5);
        expect(stats.messagesDropped).toBe(0);
        expect(stats.errors).toBe(0);
        expect(stats.messagesSpilled).toBe(0);
      }
    },
    { timeoutMs },
  );

  test(
    "throws away what is left when this side closes too, and counts it as dropped only",
    async () => {
      const [here, there] = [ucx.manager(), ucx.manager()];
      const sent = Promise.withResolvers<void>();
      const server = await ucx.serve(here, async (client) => {
        await sent.promise;
        await client.closed;
      });
      const client = await ucx.connect(there, server);
      for (let tag = 1; tag <= 3; tag++)
        await client.sendMessage(tag, new Uint8Array(100));
      await client.close();
      sent.resolve();
      await untilTrue(() => server.stats().handlers === 0, "handler ends");
      await untilTrue(() => here.stats().messagesDropped === 3, "dropped");
      const stats = here.stats();
      expect(stats.messagesReceived).toBe(0);
      expect(stats.messagesSpilled).toBe(0);
      expect(stats.errors).toBe(0);
    },
    { timeoutMs },
  );
});

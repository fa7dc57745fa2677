import { type AddressInfo, createServer } from "node:net";
import {
  UcxCanceledError,
  UcxFeatureDisabledError,
  UcxUnexpectedOverflowError,
  UcxUnsupportedError,
  UcxWorker,
} from "../../../src/ucx/mod.ts";
import {
  asyncUcxFixture,
  echo,
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

  test(
    "comes when its time is over, though nothing wakes this side",
    async () => {
      // Nobody progresses the peer once it is connected.
      using peer = new UcxWorker({ ucx: loopbackUcx });
      const listener = peer.createListener("127.0.0.1:0");
      const manager = ucx.manager({ progress: { backstopMs: 0 } });
      const client = manager.createClient();
      const connected = client.connect(listener.address);
      await untilTrue(() => {
        peer.progress();
        return client.isConnected;
      }, "connected");
      await connected;
      await client.close({ timeoutMs: 100 });
      expect((await client.closed)?.orderly).toBe(false);
    },
    { timeoutMs },
  );

  test("is not begun with a time that is none", async () => {
    const manager = ucx.manager();
    const server = await ucx.serve(manager, (client) => void client.closed);
    const client = await ucx.connect(manager, server);
    for (const timeout of [Number.NaN, -1]) {
      await expect(client.close({ timeoutMs: timeout })).rejects.toThrow(
        RangeError,
      );
      await expect(server.close({ timeoutMs: timeout })).rejects.toThrow(
        RangeError,
      );
    }
  });

  test(
    "may take as long as it needs",
    async () => {
      const [here, there] = [ucx.manager(), ucx.manager()];
      const server = await ucx.serve(here, async (client) => {
        await client.closed;
      });
      const ends: boolean[] = [];
      there.events.on("close", ({ orderly }) => ends.push(orderly));
      for (let count = 0; count < 20; count++) await ucx.connect(there, server);
      const shut = there.shutdown({ timeoutMs: Number.POSITIVE_INFINITY });
      // A timer that is due at once comes before anything else then.
      const busyMs = performance.now() + 20;
      while (performance.now() < busyMs);
      await shut;
      expect(ends.length).toBe(20);
      expect(ends.every((orderly) => orderly)).toBe(true);
    },
    { timeoutMs },
  );

  test(
    "comes to a client that connects, too, and it can connect again",
    async () => {
      const silent = createServer(() => {});
      await new Promise<void>((resolve) =>
        silent.listen(0, "127.0.0.1", resolve),
      );
      try {
        const manager = ucx.manager();
        const client = manager.createClient();
        const { port } = silent.address() as AddressInfo;
        const error = client
          .connect(`127.0.0.1:${port}`, { timeoutMs: 20_000 })
          .then(
            () => undefined,
            (reason: unknown) => reason,
          );
        await client.close();
        expect(await error).toBeInstanceOf(UcxCanceledError);
        expect(client.isConnected).toBe(false);
        const server = await ucx.serve(manager, echo);
        await client.connect(server.address);
        expect((await client.request(1, "again")).byteLength).toBe(5);
      } finally {
        await new Promise((resolve) => silent.close(resolve));
      }
    },
    { timeoutMs },
  );

  test(
    "comes to a peer that keeps sending empty messages that nobody wants",
    async () => {
      const [here, there] = [
        ucx.manager({ spillBytes: 10_000, creditMessages: 2 }),
        ucx.manager(),
      ];
      let error: unknown;
      here.events.on("close", (info) => {
        error = info.error;
      });
      const server = await ucx.serve(here, async (client) => {
        await client.receiveMessage(2);
      });
      const client = await ucx.connect(there, server);
      let sent = 0;
      try {
        for (; sent < 5000; sent++)
          await client.sendMessage(1, new Uint8Array(0));
      } catch {
        // It was closed.
      }
      await untilTrue(() => error !== undefined, "closed");
      expect(error).toBeInstanceOf(UcxUnexpectedOverflowError);
      expect(sent < 1000).toBe(true);
    },
    { timeoutMs },
  );
});

describe("an asynchronous worker", () => {
  test(
    "without tagged messages says so",
    async () => {
      const manager = ucx.manager({ enableTag: false });
      const ended = Promise.withResolvers<void>();
      const server = await ucx.serve(manager, () => ended.promise);
      const client = await ucx.connect(manager, server);
      await expect(client.sendMessage(1, "x")).rejects.toThrow(
        UcxFeatureDisabledError,
      );
      await expect(
        client.receiveMessage(1, 10, { timeoutMs: 1000 }),
      ).rejects.toThrow(UcxFeatureDisabledError);
      expect(() => client.tryReceive()).toThrow(UcxFeatureDisabledError);
      expect((await client.ping()) >= 0).toBe(true);
      ended.resolve();
    },
    { timeoutMs },
  );

  test(
    "sends none to a peer that takes none",
    async () => {
      const server = await ucx.serve(
        ucx.manager({ enableTag: false }),
        (client) => client.closed.then(() => {}),
      );
      const client = await ucx.connect(ucx.manager(), server);
      for (const length of [0, 10, 300_000])
        await expect(
          client.sendMessage(1, new Uint8Array(length), { timeoutMs: 1000 }),
        ).rejects.toThrow(UcxUnsupportedError);
      expect((await client.ping()) >= 0).toBe(true);
      await client.close();
      expect((await client.closed)?.orderly).toBe(true);
    },
    { timeoutMs },
  );

  test(
    "gives those who connect by its address to the server that is there",
    async () => {
      const [here, there] = [ucx.manager(), ucx.manager()];
      const first = here.createServer();
      const started = first.start(echo);
      await first.close();
      await started;
      void here.createServer().start(echo);
      const client = there.createClient();
      await client.connectToWorker(here.workerAddress);
      expect(
        (await client.request(1, "second", { timeoutMs: 10_000 })).byteLength,
      ).toBe(6);
    },
    { timeoutMs },
  );
});

import { type AddressInfo, createServer } from "node:net";
import {
  AsyncUcxManager,
  UcxAddressInUseError,
  UcxClosedError,
  UcxError,
  UcxRejectedError,
  UcxTimeoutError,
  UcxUnknownHostError,
} from "../../../src/ucx/mod.ts";
import {
  asyncUcxFixture,
  echo,
  loopbackUcx,
  sharedMemoryUcx,
  untilTrue,
} from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();
const timeoutMs = 30_000;
const decoder = new TextDecoder();

afterEach(() => ucx.closeAll());

describe("an asynchronous server", () => {
  test(
    "runs the handler of the document for each connection",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, async (client) => {
        for (;;) {
          const message = decoder.decode(await client.receiveMessage(0, 1024));
          if (message === "PING") await client.sendMessage(0, "PONG");
          else if (message.startsWith("ECHO:"))
            await client.sendMessage(0, `REPLY:${message.slice(5)}`);
          else await client.sendMessage(0, `RECEIVED:${message}`);
        }
      });
      const errors: unknown[] = [];
      server.events.on("handlerError", ({ error }) => errors.push(error));
      const client = await ucx.connect(manager, server);
      const ask = async (question: string): Promise<string> =>
        decoder.decode(
          await client.request(0, question, { timeoutMs: 15_000 }),
        );
      expect(await ask("PING")).toBe("PONG");
      expect(await ask("ECHO:abc")).toBe("REPLY:abc");
      expect(await ask("xyz")).toBe("RECEIVED:xyz");
      await client.close();
      await untilTrue(() => server.stats().handlers === 0, "the handler ends");
      // That the client leaves is no error of the handler.
      expect(errors).toEqual([]);
      expect(server.stats().accepted).toBe(1);
    },
    { timeoutMs },
  );

  test(
    "a handler that throws ends its own connection only, and is heard of",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, async (client) => {
        for await (const message of client) {
          if (message.text() === "bad") throw new Error("cannot do that");
          await client.send(message);
        }
      });
      const errors: string[] = [];
      server.events.on("handlerError", ({ error }) =>
        errors.push(error.message),
      );
      const good = await ucx.connect(manager, server);
      const bad = await ucx.connect(manager, server);
      await bad.sendMessage(0, "bad");
      await bad.closed;
      expect(bad.isConnected).toBe(false);
      expect(errors).toEqual(["cannot do that"]);
      expect(decoder.decode(await good.request(1, "still"))).toBe("still");
      expect(server.stats().handlerErrors).toBe(1);
      expect(server.stats().connections).toBe(1);
    },
    { timeoutMs },
  );

  test(
    "who is refused by the hook, or for too many connections, is told so",
    async () => {
      const manager = ucx.manager();
      let letIn = false;
      const server = await ucx.serve(manager, echo, {
        accept: () => letIn,
        maxConnections: 1,
      });
      const refused: string[] = [];
      server.events.on("refused", ({ clientAddress }) =>
        refused.push(clientAddress),
      );
      await expect(ucx.connect(manager, server)).rejects.toThrow(
        UcxRejectedError,
      );
      letIn = true;
      const first = await ucx.connect(manager, server);
      await expect(ucx.connect(manager, server)).rejects.toThrow(
        UcxRejectedError,
      );
      await first.close();
      await untilTrue(() => server.stats().connections === 0, "room again");
      const second = await ucx.connect(manager, server);
      expect(second.isConnected).toBe(true);
      expect(refused).toHaveLength(2);
      expect(server.stats().refused).toBe(2);
    },
    { timeoutMs },
  );

  test(
    "runs so many handlers at a time as it is told, and the others in their turn",
    async () => {
      const manager = ucx.manager();
      let running = 0;
      let most = 0;
      const server = await ucx.serve(
        manager,
        async (client) => {
          running += 1;
          most = Math.max(most, running);
          await client.send(await client.receive());
          running -= 1;
        },
        { maxHandlers: 2 },
      );
      const answers = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const client = await ucx.connect(manager, server);
          return decoder.decode(await client.request(0, String(index)));
        }),
      );
      expect(answers.join("")).toBe("01234567");
      expect(most).toBe(2);
    },
    { timeoutMs },
  );

  test(
    "serves 200 clients at once",
    async () => {
      const serving = ucx.manager();
      const asking = ucx.manager();
      const server = await ucx.serve(serving, echo);
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, index) => {
          const client = await ucx.connect(asking, server);
          const texts: string[] = [];
          for (const part of ["a", "b", "c"])
            texts.push(
              decoder.decode(
                await client.request(index, `${part}${index}`, {
                  timeoutMs: 15_000,
                }),
              ),
            );
          return texts.join();
        }),
      );
      expect(answers).toEqual(
        Array.from(
          { length: 200 },
          (_, index) => `a${index},b${index},c${index}`,
        ),
      );
      expect(server.stats().connections).toBe(200);
      expect(asking.stats().messagesReceived).toBe(600);
    },
    { timeoutMs: 60_000 },
  );

  test(
    "drains: those who are being served end by themselves, nobody new comes in",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const client = await ucx.connect(manager, server);
      expect(decoder.decode(await client.request(0, "a"))).toBe("a");
      const address = server.address;
      const drained = server.drain({ timeoutMs: 15_000 });
      expect(server.isListening).toBe(false);
      expect(decoder.decode(await client.request(0, "b"))).toBe("b");
      await expect(
        manager.createClient().connect(address, { timeoutMs: 3000 }),
      ).rejects.toThrow(UcxError);
      await client.close();
      await drained;
      expect(server.stats().handlers).toBe(0);
    },
    { timeoutMs },
  );

  test(
    "close ends handlers and start(); the address can be used again at once, also by who was refused it",
    async () => {
      const manager = ucx.manager();
      const server = manager.createServer("127.0.0.1:0");
      await server.listen();
      const running = server.start(echo);
      const client = await ucx.connect(manager, server);
      const { address } = server;
      const second = manager.createServer(address);
      await expect(second.listen()).rejects.toThrow(UcxAddressInUseError);
      await server.close();
      await running;
      await client.closed;
      await second.listen();
      void second.start(echo);
      const again = await ucx.connect(manager, second);
      expect(decoder.decode(await again.request(0, "again"))).toBe("again");
    },
    { timeoutMs },
  );

  test(
    "serves those who connect by worker address",
    async () => {
      const serving = ucx.manager();
      const asking = ucx.manager();
      void serving.createServer().start(echo);
      const client = asking.createClient();
      await client.connectToWorker(serving.workerAddress, {
        timeoutMs: 15_000,
      });
      expect(decoder.decode(await client.request(0, "hello"))).toBe("hello");
    },
    { timeoutMs },
  );
});

describe("connecting", () => {
  test(
    "resolves names without blocking, and says when nobody is there",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const port = Number(server.address.split(":")[1]);
      const client = manager.createClient();
      await client.connect({ host: "localhost", port }, { timeoutMs: 15_000 });
      expect(client.remoteAddress).toBe(`127.0.0.1:${port}`);
      await expect(
        manager
          .createClient()
          .connect(`name.that-does-not-exist.invalid:${port}`),
      ).rejects.toThrow(UcxUnknownHostError);
      await server.close();
      await expect(
        manager.createClient().connect(`127.0.0.1:${port}`),
      ).rejects.toThrow(UcxError);
    },
    { timeoutMs },
  );

  test(
    "can be aborted, and ends in time, when the other side says nothing",
    async () => {
      const manager = ucx.manager();
      // It takes connections, and speaks no UCX.
      const silent = createServer(() => {});
      await new Promise<void>((resolve) => {
        silent.listen(0, "127.0.0.1", resolve);
      });
      try {
        const { port } = silent.address() as AddressInfo;
        const address = `127.0.0.1:${port}`;
        const controller = new AbortController();
        const outcome = manager
          .createClient()
          .connect(address, { signal: controller.signal, timeoutMs: 20_000 })
          .catch((error: unknown) => error);
        await new Promise((resolve) => setTimeout(resolve, 50));
        controller.abort(new Error("changed my mind"));
        expect(String(await outcome)).toContain("changed my mind");
        await expect(
          manager.createClient().connect(address, { timeoutMs: 30 }),
        ).rejects.toThrow(UcxTimeoutError);
        const client = manager.createClient();
        await expect(
          client.connect(address, { signal: controller.signal }),
        ).rejects.toThrow("changed my mind");
        expect(client.isConnected).toBe(false);
      } finally {
        silent.close();
      }
    },
    { timeoutMs },
  );
});

describe("shutdown", () => {
  test(
    "with everything open ends within its deadline and rejects what waits",
    async () => {
      const serving = ucx.manager();
      const asking = ucx.manager({ creditMessages: 2 });
      const server = await ucx.serve(serving, async (client) => {
        await client.receiveMessage(999);
      });
      const clients = await Promise.all(
        Array.from({ length: 5 }, () => ucx.connect(asking, server)),
      );
      const outcomes: Promise<unknown>[] = [];
      const failure = (promise: Promise<unknown>): void => {
        outcomes.push(
          promise.then(
            () => "fulfilled",
            (error: unknown) => error,
          ),
        );
      };
      for (const client of clients) {
        failure(client.receiveMessage());
        // Nobody receives it, so it stays in UCX's hands.
        failure(client.sendMessage(1, new Uint8Array(4 * 2 ** 20)));
      }
      failure(asking.createClient().connect("10.255.255.1:9"));
      const startMs = performance.now();
      await asking.shutdown({ timeoutMs: 300 });
      expect(performance.now() - startMs).toBeLessThan(10_000);
      for (const outcome of await Promise.all(outcomes))
        expect(outcome).toBeInstanceOf(UcxError);
      await asking.shutdown();
      expect(() => asking.createClient()).toThrow(UcxClosedError);
      await expect(clients[0]?.sendMessage(0, "x")).rejects.toThrow(
        UcxClosedError,
      );
      await serving.shutdown({ timeoutMs: 0 });
    },
    { timeoutMs },
  );

  test(
    "may be called from a hook, at once, and by await using",
    async () => {
      const manager = ucx.manager();
      let done: Promise<void> | undefined;
      const server = await ucx.serve(manager, async (client) => {
        await client.closed;
      });
      server.events.on("connection", () => {
        done = manager.shutdown();
      });
      await manager
        .createClient()
        .connect(server.address)
        .catch((error: unknown) => expect(error).toBeInstanceOf(UcxError));
      await untilTrue(() => done !== undefined, "the hook runs");
      await done;
      {
        await using other = new AsyncUcxManager({ ucx: loopbackUcx });
        expect(other.isOpen).toBe(true);
      }
      const third = await AsyncUcxManager.create({ ucx: loopbackUcx });
      await third.shutdown({ timeoutMs: 0 });
      expect(third.isOpen).toBe(false);
    },
    { timeoutMs },
  );

  test(
    "connected and quiet, it sleeps: what UCX does to notice a dead peer keeps nobody awake",
    async () => {
      const manager = ucx.manager({ ucx: sharedMemoryUcx, keepAliveMs: 50 });
      const server = await ucx.serve(manager, echo);
      const client = await ucx.connect(manager, server);
      await client.request(0, "busy for a while");
      const waiting = client.receiveMessage().catch(() => {});
      await untilTrue(() => manager.progressStats().sleeps > 2, "it sleeps");
      const before = manager.progressStats();
      await untilTrue(
        () => manager.progressStats().wakes >= before.wakes + 10,
        "ten wakes",
      );
      const turns = manager.progressStats().pumpTurns - before.pumpTurns;
      expect(turns).toBeLessThan(200);
      await manager.shutdown();
      await waiting;
    },
    { timeoutMs },
  );

  test(
    "in every mode of progress, an exchange works and no wait outlives its limit",
    async () => {
      for (const mode of ["adaptive", "busy", "sleep"] as const) {
        const manager = ucx.manager({ progress: { mode } });
        const server = await ucx.serve(manager, echo);
        const client = await ucx.connect(manager, server);
        for (let index = 0; index < 50; index++)
          expect(
            decoder.decode(await client.request(7, `${mode}${index}`)),
          ).toBe(`${mode}${index}`);
        await expect(
          client.receiveMessage(8, 10, { timeoutMs: 10 }),
        ).rejects.toThrow(UcxTimeoutError);
        await manager.shutdown();
      }
    },
    { timeoutMs },
  );
});

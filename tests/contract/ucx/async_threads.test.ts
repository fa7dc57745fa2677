import { UcxError } from "../../../src/ucx/mod.ts";
import {
  asyncUcxFixture,
  loopbackUcx,
  sharedMemoryUcx,
  untilTrue,
} from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();
const timeoutMs = 60_000;
const decoder = new TextDecoder();
const handlerModule = new URL(
  "./async_thread_handler_program.ts",
  import.meta.url,
);

afterEach(() => ucx.closeAll());

describe("a server with threads", () => {
  for (const [name, keys] of [
    ["tcp", loopbackUcx],
    ["shared memory", sharedMemoryUcx],
  ] as const)
    test(
      `spreads its clients over them (${name})`,
      async () => {
        const manager = ucx.manager({ ucx: keys });
        const server = manager.createServer("127.0.0.1:0", {
          workers: 2,
          handlerModule,
        });
        await server.listen();
        const running = server.start();
        const asking = ucx.manager({ ucx: keys });
        const clients = await Promise.all(
          Array.from({ length: 8 }, () => ucx.connect(asking, server)),
        );
        const threads = new Map<string, number>();
        for (const [index, client] of clients.entries()) {
          const answer = decoder.decode(
            await client.request(index, `question ${index}`, {
              timeoutMs: 15_000,
            }),
          );
          const thread = answer.slice(0, 36);
          expect(answer.slice(37)).toBe(`question ${index}`);
          threads.set(thread, (threads.get(thread) ?? 0) + 1);
        }
        expect([...threads.values()]).toEqual([4, 4]);
        await untilTrue(
          () => server.stats().threadConnections.join() === "4,4",
          "the server has heard of all",
        );
        expect(server.stats().accepted).toBe(8);
        await server.close({ timeoutMs: 5000 });
        await running;
        await Promise.all(clients.map((client) => client.closed));
        expect(server.stats().threadConnections).toEqual([0, 0]);
      },
      { timeoutMs },
    );

  test(
    "an error of a handler in a thread is heard of; the others go on",
    async () => {
      const manager = ucx.manager();
      const server = manager.createServer("127.0.0.1:0", {
        workers: 1,
        handlerModule,
      });
      const errors: string[] = [];
      server.events.on("threadError", (error) => errors.push(error.message));
      await server.listen();
      void server.start();
      const asking = ucx.manager();
      const bad = await ucx.connect(asking, server);
      const good = await ucx.connect(asking, server);
      await bad.sendMessage(0, "throw");
      await bad.closed;
      await untilTrue(() => errors.length === 1, "the error is told");
      expect(errors).toEqual(["a handler in a thread"]);
      const answer = await good.request(1, "still", { timeoutMs: 15_000 });
      expect(decoder.decode(answer)).toMatch(/ still$/);
    },
    { timeoutMs },
  );

  test(
    "a module without a handler is refused when the server starts",
    async () => {
      const manager = ucx.manager();
      const server = manager.createServer("127.0.0.1:0", {
        workers: 2,
        handlerModule: new URL("./garbage.ts", handlerModule),
      });
      await expect(server.start()).rejects.toThrow(UcxError);
      expect(() => manager.createServer("127.0.0.1:0", { workers: 2 })).toThrow(
        TypeError,
      );
      expect(() =>
        manager.createServer(undefined, { workers: 2, handlerModule }),
      ).toThrow(TypeError);
      const other = manager.createServer("127.0.0.1:0", {
        workers: 1,
        handlerModule,
      });
      await expect(other.start(() => {})).rejects.toThrow(TypeError);
    },
    { timeoutMs },
  );
});

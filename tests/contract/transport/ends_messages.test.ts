/** What a server and a client say to each other, over every protocol. */
import type { TransportClient } from "../../../src/transport/client/client.ts";
import { TimedOutError } from "../../../src/transport/errors.ts";
import {
  type IncomingMessage,
  type IncomingRequest,
  Reply,
} from "../../../src/transport/message.ts";
import { UnknownSessionError } from "../../../src/transport/server/hub.ts";
import type { Session } from "../../../src/transport/session.ts";
import {
  NoResponderError,
  RemoteError,
} from "../../../src/transport/session_errors.ts";
import {
  EndsTrials,
  endsProtocols,
  removeEndsLeftovers,
  sessionOf,
} from "../../support/ends_fixture.ts";
import {
  afterAll,
  afterEach,
  describe,
  expect,
  test,
} from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { pause, until } from "../../support/waiting.ts";

afterAll(removeEndsLeftovers);

for (const protocol of endsProtocols) {
  const trials = new EndsTrials(protocol);
  afterEach(() => trials.closeAll());

  describe(`server and client over ${protocol.scheme}`, () => {
    test("messages come as they were sent, in both directions", async () => {
      const server = await trials.server((to) => to.withNodeName("a server"));
      const received: [IncomingMessage, Session][] = [];
      server.onMessage((message, session) => {
        received.push([message, session]);
      });
      const client = await trials.client(server, (to) =>
        to.withNodeName("a client"),
      );
      expect(client.serverName).toBe("a server");
      await client.send("text");
      await client.send({ a: [1, null] }, { tag: 7, subject: "jobs.a" });
      await client.send(Uint8Array.of(0, 255), {
        headers: { x: "y" },
        priority: "normal",
      });
      await until("three messages", () => received.length === 3);
      const [text, json, bytes] = received.map(([message]) => message);
      expect(text?.value()).toBe("text");
      expect(json?.value()).toEqual({ a: [1, null] });
      expect(json?.tag).toBe(7n);
      expect(json?.headers.subject).toBe("jobs.a");
      expect([...(bytes?.payload ?? [])]).toEqual([0, 255]);
      expect(bytes?.headers.user?.["x"]).toBe("y");
      const session = await sessionOf(server, client);
      expect(received[0]?.[1]).toBe(session);
      expect(session.peerName).toBe("a client");
      expect(server.sessionCount).toBe(1);
      expect([...server.sessions]).toEqual([session]);

      const back: unknown[] = [];
      client.onMessage((message) => {
        back.push(message.value());
      });
      await server.send(session.id, "back");
      expect(server.trySend(session.id, { n: 1 })).toBe(true);
      await until("two messages", () => back.length === 2);
      expect(back).toEqual(["back", { n: 1 }]);
    });

    test("messages of one session keep their order", async () => {
      const server = await trials.server();
      const seen: number[] = [];
      server.onMessage((message) => {
        seen.push(Number(message.tag));
      });
      const client = await trials.client(server);
      const body = new Uint8Array(100);
      for (let tag = 1; tag <= 5000; tag++)
        if (tag % 10 === 0 || !client.trySend(body, { tag }))
          await client.send(body, { tag });
      await until("all messages", () => seen.length === 5000);
      expect(seen.every((tag, index) => tag === index + 1)).toBe(true);
    });

    test("requests are answered, by either side", async () => {
      const server = await trials.server();
      server.onRequest((request) =>
        request.text() === "reply"
          ? new Reply({ ok: true }, { tag: 9, headers: { h: "1" } })
          : `re: ${request.text()}`,
      );
      const client = await trials.client(server);
      client.onRequest(async (request) => `client: ${request.text()}`);
      expect((await client.request("hello")).text()).toBe("re: hello");
      const answer = await client.request("reply");
      expect(answer.value()).toEqual({ ok: true });
      expect(answer.tag).toBe(9n);
      expect(answer.headers.user?.["h"]).toBe("1");
      const many = await Promise.all(
        Array.from({ length: 300 }, (_, index) => client.request(`${index}`)),
      );
      expect(many.map((each) => each.text())).toEqual(
        many.map((_, index) => `re: ${index}`),
      );
      const { id } = await sessionOf(server, client);
      expect((await server.request(id, "you?")).text()).toBe("client: you?");
      expect((await client.ping()) >= 0).toBe(true);
    });

    test("a body of a mebibyte and more arrives whole, compressed or not", async () => {
      const big = new Uint8Array(1_500_000).map((_, index) => index >>> 8);
      const server = await trials.server((to) => to.withDataCompression(true));
      server.onRequest((request) => request.payload);
      const plain = await trials.client(server);
      const small = await trials.client(server, (to) =>
        to.withDataCompression({ algorithms: ["deflate"] }),
      );
      for (const client of [plain, small]) {
        const answer = await client.request(big);
        expect(Buffer.compare(answer.payload, big)).toBe(0);
      }
      const sentBy = (client: TransportClient) =>
        client.session?.connection?.statistics.bytesSent ?? 0;
      expect(sentBy(plain)).toBeGreaterThan(big.length);
      expect(sentBy(small)).toBeLessThan(big.length / 10);
    });

    test("what a handler throws reaches the requester as far as it says so", async () => {
      const server = await trials.server();
      const faults: unknown[] = [];
      server.on("error", ({ error, during }) => faults.push([during, error]));
      const client = await trials.client(server);
      expect(await refusalOf(client.request("x"))).toBeInstanceOf(
        NoResponderError,
      );
      server.onRequest((request) => {
        if (request.text() === "said")
          throw new RemoteError("TooBig", "it is too big", {
            retryable: true,
            details: { max: 3 },
          });
        throw new Error("a secret");
      });
      const said = (await refusalOf(client.request("said"))) as RemoteError;
      expect(said).toBeInstanceOf(RemoteError);
      expect(said.code).toBe("TooBig");
      expect(said.retryable).toBe(true);
      expect(said.details).toEqual({ max: 3 });
      expect(faults).toEqual([]);
      const fault = (await refusalOf(client.request("other"))) as RemoteError;
      expect(fault).toBeInstanceOf(RemoteError);
      expect(fault.message.includes("secret")).toBe(false);
      await until("the fault", () => faults.length > 0);
      expect(faults.length).toBe(1);
      server.onMessage(() => {
        throw new Error("in a message");
      });
      await client.send("x");
      await until("the other fault", () => faults.length === 2);
      expect((faults[1] as [string])[0]).toBe("handler");
    });

    test("a request that takes too long, or is given up, ends on both sides", async () => {
      const server = await trials.server();
      const requests: IncomingRequest[] = [];
      server.onRequest(
        (request) =>
          new Promise((_, reject) => {
            requests.push(request);
            request.signal.addEventListener("abort", () =>
              reject(new RemoteError("Stopped", "it was given up")),
            );
          }),
      );
      const client = await trials.client(server);
      const late = await refusalOf(client.request("x", { timeoutMs: 60 }));
      expect(late).toBeInstanceOf(TimedOutError);
      await until("the handler", () => requests[0]?.signal.aborted === true);
      expect((requests[0]?.deadlineMs ?? 0) < performance.now() + 60).toBe(
        true,
      );
      const controller = new AbortController();
      const reason = new Error("not wanted");
      const given = refusalOf(
        client.request("y", { signal: controller.signal }),
      );
      await until("the second request", () => requests.length === 2);
      expect(requests[1]?.signal.aborted).toBe(false);
      controller.abort(reason);
      expect(await given).toBe(reason);
      await until("the cancel", () => requests[1]?.signal.aborted === true);
    });

    test("an iterator takes everything in order, and slows the server down", async () => {
      const server = await trials.server();
      const client = await trials.client(server);
      const messages = client.messages();
      expect(() => client.messages()).toThrow(TypeError);
      const { id } = await sessionOf(server, client);
      const body = new Uint8Array(16_384);
      let sent = 0;
      // Nobody takes: credit and queues are bounded, so this ends.
      while (server.trySend(id, body, { tag: sent })) {
        sent += 1;
        if (sent > 2000) throw new Error("nothing bounds it");
        if (sent % 16 === 0) await pause(0);
      }
      expect(sent * body.length < 4_000_000).toBe(true);
      for (let tag = 0; tag < sent; tag++) {
        const { value } = await messages.next();
        expect(value?.tag).toBe(BigInt(tag));
      }
      await server.send(id, "last");
      expect((await messages.next()).value?.text()).toBe("last");
      const next = messages.next();
      await client.close();
      expect((await next).done).toBe(true);
    });

    test("streams of the platform send and receive", async () => {
      const server = await trials.server();
      server.onMessage((message, session) => {
        void session.send(`got ${message.text()}`);
      });
      const client = await trials.client(server);
      const reader = client.readable().getReader();
      const writer = client.writable().getWriter();
      for (const word of ["one", "two", "three"]) await writer.write(word);
      const texts: (string | undefined)[] = [];
      for (let index = 0; index < 3; index++)
        texts.push((await reader.read()).value?.text());
      expect(texts).toEqual(["got one", "got two", "got three"]);
      await reader.cancel();
      // The listener has its turn again.
      const heard: string[] = [];
      client.onMessage((message) => {
        heard.push(message.text());
      });
      await writer.write("four");
      await until("the fourth", () => heard.length === 1);
    });

    test("broadcasts reach a room, or all, except who is left out", async () => {
      const server = await trials.server();
      const heard: Record<string, string[]> = {};
      const clients = await Promise.all(
        ["a", "b", "c"].map(async (name) => {
          const client = await trials.client(server);
          const texts: string[] = [];
          heard[name] = texts;
          client.onMessage((message) => {
            texts.push(message.text());
          });
          return client;
        }),
      );
      const [a = "", b = "", c = ""] = await Promise.all(
        clients.map(async (client) => (await sessionOf(server, client)).id),
      );
      expect(server.join(a, "red")).toBe(true);
      expect(server.join(a, "red")).toBe(false);
      server.join(b, "red");
      server.join(c, "blue");
      expect(server.rooms).toEqual(["red", "blue"]);
      expect(server.roomsOf(a)).toEqual(["red"]);
      expect(server.members("red")).toEqual([a, b]);
      expect(server.broadcast("all")).toEqual({ sent: 3, dropped: 0 });
      expect(server.broadcast("red", { room: "red" })).toEqual({
        sent: 2,
        dropped: 0,
      });
      server.broadcast("not a", { except: a });
      server.broadcast("both once", { room: ["red", "blue"], except: [b] });
      server.leave(a, "red");
      server.broadcast("only b", { room: "red" });
      const ends = await Promise.all(
        clients.map((client) => client.drain({ timeoutMs: 5000 })),
      );
      expect(ends.map((end) => end.error)).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(heard).toEqual({
        a: ["all", "red", "both once"],
        b: ["all", "red", "not a", "only b"],
        c: ["all", "not a", "both once"],
      });
      await until("nobody", () => server.sessionCount === 0);
      expect(server.rooms).toEqual([]);
      expect(() => server.join(a, "red")).toThrow(UnknownSessionError);
      expect(await refusalOf(server.send(a, "x"))).toBeInstanceOf(
        UnknownSessionError,
      );
    });
  });
}

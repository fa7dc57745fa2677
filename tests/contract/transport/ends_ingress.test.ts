/** Clients without frames at a server: text over WebSocket, and HTTP, beside those with frames. */
import type { RefusedConnection } from "../../../src/transport/server/events.ts";
import { CloseCode } from "../../../src/wire/close_codes.ts";
import {
  addressOf,
  EndsTrials,
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
import { until } from "../../support/waiting.ts";

const trials = new EndsTrials({
  scheme: "ws",
  address: () => "ws://127.0.0.1:0/chat",
});
afterEach(() => trials.closeAll());
afterAll(removeEndsLeftovers);

describe("clients without frames", () => {
  test("a browser's WebSocket and a client with frames share a room", async () => {
    const server = await trials.server();
    server.onMessage((message, session) => {
      server.join(session.id, message.text());
    });
    server.onRequest((request) => `re: ${request.text()}`);
    const client = await trials.client(server);
    const messages = client.messages();
    await client.send("red");
    const socket = new WebSocket(addressOf(server));
    try {
      const texts: { type: string; text?: string }[] = [];
      socket.onmessage = ({ data }) => {
        texts.push(JSON.parse(String(data)));
      };
      await until("open", () => socket.readyState === WebSocket.OPEN);
      socket.send(JSON.stringify({ type: "message", text: "red" }));
      socket.send(JSON.stringify({ type: "request", id: 1, text: "you" }));
      const response = () => texts.find(({ type }) => type === "response");
      await until("the answer", () => response() !== undefined);
      expect(response()?.text).toBe("re: you");
      await until("both", () => server.members("red").length === 2);
      const { id } = await sessionOf(server, client);
      expect(server.broadcast("to red", { room: "red" })).toEqual({
        sent: 2,
        dropped: 0,
      });
      expect((await messages.next()).value?.text()).toBe("to red");
      await until("the text", () =>
        texts.some(({ type, text }) => type === "message" && text === "to red"),
      );
      expect(server.statistics.connections).toBe(2);
      const other = server.members("red").find((member) => member !== id) ?? "";
      expect(server.kick(other)).toBe(true);
      await until("gone", () => server.sessionCount === 1);
      expect(server.members("red")).toEqual([id]);
      await until("closed", () => server.statistics.connections === 1);
    } finally {
      socket.close();
    }
  });

  test("HTTP meets the same listeners, and the same hook", async () => {
    const refused: RefusedConnection[] = [];
    const server = await trials.server(
      (to) => to.withAuth(({ credentials }) => credentials === "Bearer good"),
      "http://127.0.0.1:0",
    );
    server.on("refused", (who) => refused.push(who));
    const heard: string[] = [];
    server.onMessage((message) => {
      heard.push(message.text());
    });
    server.onRequest((request) => `re: ${request.text()}`);
    const post = (path: string, token: string) =>
      fetch(new URL(path, addressOf(server)), {
        method: "POST",
        body: "a body",
        headers: { authorization: `Bearer ${token}` },
      });
    const sent = await post("/send", "good");
    await sent.body?.cancel();
    expect(sent.status).toBe(202);
    await until("the message", () => heard.length === 1);
    expect(heard).toEqual(["a body"]);
    const answer = await post("/request", "good");
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe("re: a body");
    const bad = await post("/request", "bad");
    await bad.body?.cancel();
    expect(bad.status).toBe(401);
    expect(refused.map(({ code }) => code)).toEqual([CloseCode.Unauthorized]);
    expect(refused[0]?.peerAddress).toContain("127.0.0.1");
    await until("nobody", () => server.sessionCount === 0);
  });
});

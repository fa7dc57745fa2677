import { awaitHello } from "../../../src/transport/session/await_hello.ts";
import { FramedSession } from "../../../src/transport/session/framed_session.ts";
import type { SessionClosedError } from "../../../src/transport/session_errors.ts";
import { memoryConnections } from "../../support/memory_connections.ts";
import { HeardSession } from "../../support/session_pairs.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

describe("hello", () => {
  test("lets a server decide whose connection it is, later if it likes", async () => {
    const [clientEnd, serverEnd] = memoryConnections();
    let made: FramedSession | undefined;
    const heard: string[] = [];
    serverEnd.handler = awaitHello(
      serverEnd,
      { role: "server", heartbeatMs: 0 },
      async (hello) => {
        await Promise.resolve();
        made = new FramedSession({
          role: "server",
          id: `of ${hello.auth}`,
          heartbeatMs: 0,
          listeners: {
            onMessage: (message) => void heard.push(message.text()),
          },
        });
        return made;
      },
    );
    const client = new HeardSession({ role: "client", auth: "Bearer x" });
    clientEnd.handler = client.session.attach(clientEnd);
    client.session.trySend("early");
    await client.session.whenOpen();
    expect(client.session.id).toBe("of Bearer x");
    await until("heard", () => heard.length === 1);
    expect(heard).toEqual(["early"]);
    await made?.close();
  });

  test("tells a client why it is sent away", async () => {
    const [clientEnd, serverEnd] = memoryConnections();
    serverEnd.handler = awaitHello(
      serverEnd,
      { role: "server", heartbeatMs: 0 },
      () => ({ code: 4002, reason: "who are you" }),
    );
    const client = new HeardSession({ role: "client" });
    clientEnd.handler = client.session.attach(clientEnd);
    const refusal = await refusalOf(client.session.whenOpen());
    expect((refusal as SessionClosedError).closeCode).toBe(4002);
    const end = await client.session.whenEnded();
    expect([end.code, end.reason, end.by]).toEqual([
      4002,
      "who are you",
      "peer",
    ]);
  });
});

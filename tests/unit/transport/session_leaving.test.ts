import { describe, expect, test } from "../../support/testing.ts";
import { join, sessionPair } from "../../support/session_pairs.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

const resumable = {
  client: { resumes: true },
  server: { resumeToken: Uint8Array.of(1, 2, 3) },
} as const;

/** Far more than any test waits. */
const minuteMs = 60_000;

describe("session - leaving", () => {
  test("a peer that has fallen silent may come back", async () => {
    const { client, server, serverEnd } = await sessionPair({
      client: { ...resumable.client, heartbeatMs: 20, closeTimeoutMs: 50 },
      server: {
        ...resumable.server,
        heartbeatMs: 20,
        closeTimeoutMs: 50,
        listeners: { onRequest: (request) => `${request.text()}!` },
      },
    });
    serverEnd.faults.isStalled = true;
    const pending = client.session.request("still there?");
    await until(
      "both have noticed",
      () => client.session.state === "away" && server.session.state === "away",
    );
    join(client.session, server.session);
    expect((await pending).text()).toBe("still there?!");
    expect(client.session.statistics.resumptions).toBe(1);
    await client.session.close();
  });

  test("takes nothing more once it was closed for a fault, though the connection is there yet", async () => {
    const { client, server, serverEnd } = await sessionPair();
    serverEnd.faults.isStalled = true;
    const ended = server.session.close(4008, "ended by an operator");
    expect(server.session.state).toBe("draining");
    const error = await refusalOf(server.session.send("too late"));
    expect((error as { closeCode?: number }).closeCode).toBe(4008);
    client.session.abort();
    expect((await ended).code).toBe(4008);
  });

  test("a peer that says goodbye too does not put off the end of a drain", async () => {
    const { client, server } = await sessionPair({
      client: {
        drainTimeoutMs: minuteMs,
        listeners: { onRequest: () => new Promise<string>(() => undefined) },
      },
      server: { drainTimeoutMs: minuteMs },
    });
    const pending = server.session.request("for ever");
    pending.catch(() => undefined);
    const ended = server.session.drain({ timeoutMs: 50 });
    await until("heard", () => client.session.state === "draining");
    void client.session.drain({ timeoutMs: minuteMs });
    expect((await ended).code).toBe(1001);
    expect((await refusalOf(pending)) instanceof Error).toBe(true);
  });

  test("a close shortens a drain that is under way", async () => {
    const { server } = await sessionPair({
      client: {
        drainTimeoutMs: minuteMs,
        listeners: { onRequest: () => new Promise<string>(() => undefined) },
      },
      server: { closeTimeoutMs: 50 },
    });
    const pending = server.session.request("for ever");
    pending.catch(() => undefined);
    const drained = server.session.drain({ timeoutMs: minuteMs });
    await server.session.close(1001);
    expect((await drained).by).toBe("us");
  });

  test("ends when it is closed, though the peer has just said that it may come back", async () => {
    const { client, server } = await sessionPair({
      client: { ...resumable.client, goesOnAfter: () => true },
      server: resumable.server,
    });
    const pending = client.session.close();
    void server.session.close(1013, "too much to do");
    expect((await pending).code).toBe(1013);
    expect(client.session.state).toBe("closed");
  });
});

import type {
  IncomingRequest,
  MessageBody,
} from "../../../src/transport/message.ts";
import { sessionPair } from "../../support/session_pairs.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

/** Requests that wait to be answered by the test. */
function held() {
  const requests: {
    readonly request: IncomingRequest;
    readonly answer: (body: MessageBody) => void;
  }[] = [];
  const onRequest = (request: IncomingRequest) =>
    new Promise<MessageBody>((answer) => requests.push({ request, answer }));
  return { requests, onRequest };
}

describe("session - requests", () => {
  test(
    "ten thousand at a time get each its own answer, in any order",
    async () => {
      const { requests, onRequest } = held();
      const { client } = await sessionPair({
        server: {
          creditMessages: 20_000,
          creditBytes: 2 ** 22,
          listeners: { onRequest },
        },
      });
      const answers = Array.from({ length: 10_000 }, (_, at) =>
        client.session.request(`q${at}`),
      );
      await until("all there", () => requests.length === 10_000);
      expect(client.session.statistics.pendingRequests).toBe(10_000);
      for (const { request, answer } of requests.reverse())
        answer(`${request.text()} a`);
      const texts = (await Promise.all(answers)).map((each) => each.text());
      expect(texts).toEqual(texts.map((_, at) => `q${at} a`));
      expect(client.session.statistics.pendingRequests).toBe(0);
      await client.session.close();
    },
    { timeoutMs: 20_000 },
  );

  test("a signal gives up, tells the handler, and a late answer is counted", async () => {
    const { requests, onRequest } = held();
    const { client } = await sessionPair({
      server: { listeners: { onRequest } },
    });
    const abort = new AbortController();
    const pending = client.session.request("q", { signal: abort.signal });
    pending.catch(() => {});
    await until("there", () => requests.length === 1);
    const { signal } = (requests[0] as { request: IncomingRequest }).request;
    expect(signal.aborted).toBe(false);
    abort.abort(new Error("enough"));
    expect(((await refusalOf(pending)) as Error).message).toBe("enough");
    await until("told", () => signal.aborted);
    expect(
      await refusalOf(client.session.request("q", { signal: abort.signal })),
    ).toBe(abort.signal.reason);
    client.session.abort();
  });

  test("an answer that crosses a cancel is late, and harms nobody", async () => {
    const { client } = await sessionPair({
      server: { listeners: { onRequest: () => "at once" } },
    });
    for (let round = 0; round < 50; round++) {
      const abort = new AbortController();
      const pending = client.session.request("q", { signal: abort.signal });
      // The request is out, and its answer on its way, at some point of these.
      for (let turn = 0; turn < round % 7; turn++) await Promise.resolve();
      abort.abort();
      await refusalOf(pending);
    }
    expect((await client.session.request("q")).text()).toBe("at once");
    expect(client.session.statistics.lateAnswers).toBeGreaterThan(0);
    expect(client.session.statistics.pendingRequests).toBe(0);
    await client.session.close();
  });

  test("deadlines pass on both sides", async () => {
    const { requests, onRequest } = held();
    const { client } = await sessionPair({
      server: { listeners: { onRequest } },
    });
    const start = performance.now();
    const pending = client.session.request("q", { timeoutMs: 60 });
    pending.catch(() => {});
    await until("there", () => requests.length === 1);
    const { request } = requests[0] as { request: IncomingRequest };
    expect(request.deadlineMs - start).toBeLessThan(1000);
    const { signal } = request;
    const error = (await refusalOf(pending)) as { code: string };
    expect(error.code).toBe("TimedOut");
    await until("told", () => signal.aborted);
    client.session.abort();
  });

  test("what was never sent is taken back without a word", async () => {
    const { client, clientEnd, server } = await sessionPair({
      server: {
        creditMessages: 2,
        listeners: { onRequest: () => new Promise(() => {}) },
      },
    });
    const sentBytes = () => clientEnd.bytesSent;
    const all = Array.from({ length: 5 }, () =>
      client.session.request("q", { timeoutMs: 60 }),
    );
    await until(
      "two there",
      () => server.session.statistics.activeRequests === 2,
    );
    const before = sentBytes();
    for (const each of all)
      expect(((await refusalOf(each)) as { code: string }).code).toBe(
        "TimedOut",
      );
    await client.session.ping();
    // Two cancels and a ping, of 24 bytes each.
    expect(sentBytes() - before).toBe(72);
    expect(client.session.statistics.dropped).toBe(3);
    client.session.abort();
  });

  test("a cancel in the middle of a request in fragments stops them", async () => {
    const { client, server, clientEnd } = await sessionPair({
      server: {
        limits: { maxReassemblyMessages: 1 },
        listeners: { onRequest: () => "done" },
      },
    });
    const abort = new AbortController();
    const pending = client.session.request(new Uint8Array(5_000_000), {
      signal: abort.signal,
    });
    pending.catch(() => {});
    await until("begun", () => clientEnd.bytesSent > 300_000);
    abort.abort();
    await refusalOf(pending);
    expect((await client.session.request("next")).text()).toBe("done");
    expect(clientEnd.bytesSent).toBeLessThan(5_000_000);
    // The room that its fragments took is free again.
    await client.session.request(new Uint8Array(100_000));
    expect(server.session.statistics.requestsReceived).toBe(2);
    const end = await client.session.close();
    expect(end.unconfirmed).toBe(0);
  });

  test("more than the table holds are refused", async () => {
    const { client } = await sessionPair({
      client: { pendingRequests: 1 },
      server: { listeners: { onRequest: () => new Promise(() => {}) } },
    });
    const first = client.session.request("q");
    first.catch(() => {});
    const error = (await refusalOf(client.session.request("q"))) as {
      code: string;
    };
    expect(error.code).toBe("SendQueueFull");
    client.session.abort();
    expect(((await refusalOf(first)) as { code: string }).code).toBe(
      "FateUnknown",
    );
  });
});

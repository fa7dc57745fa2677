/** HTTP as a way in: by the runtime's own fetch, by curl in pipelines, and by hand. */
import { execFile } from "node:child_process";
import type {
  Listener,
  ListenOptions,
} from "../../../src/transport/adapter.ts";
import { parseAddress } from "../../../src/transport/address.ts";
import {
  AddressInUseError,
  TimedOutError,
} from "../../../src/transport/errors.ts";
import { httpIngress } from "../../../src/transport/ingress/http/http_ingress.ts";
import { NotAdmittedError } from "../../../src/transport/ingress.ts";
import { Reply } from "../../../src/transport/message.ts";
import { RemoteError } from "../../../src/transport/session_errors.ts";
import { CloseCode } from "../../../src/wire/close_codes.ts";
import { RawWebSocket } from "../../support/raw_websocket.ts";
import { RecordingHost } from "../../support/recording_host.ts";
import { TestAuthority } from "../../support/test_certificates.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { pause, until } from "../../support/waiting.ts";

const listeners: Listener[] = [];
const undo: (() => void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0)) step();
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

async function serve(options: ListenOptions = {}, at = "http://127.0.0.1:0/") {
  const host = new RecordingHost();
  const scheme = at.replace(/:.*/, "");
  const listener = await httpIngress.listen(
    parseAddress(at, { scheme, form: "url" }),
    { closeTimeoutMs: 1000, ...options },
    host,
  );
  listeners.push(listener);
  const url = listener.address;
  const post = (
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ) => fetch(`${url}${path}`, { method: "POST", body, headers });
  return { host, listener, url, post };
}

async function errorCode(response: Response): Promise<string> {
  const { error } = (await response.json()) as {
    error: { readonly code: string };
  };
  return error.code;
}

/** Runs a line of the shell. @returns its stdout and exit code */
function run(line: string): Promise<{ stdout: string; code: number }> {
  return new Promise((resolve) => {
    execFile("bash", ["-c", `set -o pipefail; ${line}`], (error, stdout) =>
      resolve({ stdout, code: error === null ? 0 : Number(error.code) }),
    );
  });
}

/** The same. @returns its stdout @throws when it fails */
async function shell(line: string): Promise<string> {
  const { stdout, code } = await run(line);
  if (code !== 0) throw new Error(`${line}: ${code}`);
  return stdout;
}

/** A listener for events, by hand. */
async function listenTo(url: string, query = "") {
  const { host, pathname } = new URL(url);
  const client = await RawWebSocket.connect(
    url,
    `GET ${pathname}listen${query} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  );
  undo.push(() => client.socket.destroy());
  await until("hello", () => client.received.includes("event: hello"));
  return client;
}

describe("HTTP as a way in", () => {
  test("a message is handed over with all that its headers say", async () => {
    const { host, post } = await serve();
    const response = await post("send", '{"a":1}', {
      "content-type": "application/json; charset=utf-8",
      authorization: "Bearer x",
      "ringwire-tag": "18446744073709551615",
      "ringwire-subject": "jobs.new",
      "ringwire-priority": "high",
      "ringwire-timeout": "5000",
      "ringwire-reply-to": "answers",
      "ringwire-correlation": "c-1",
      "ringwire-header-x-team": "blue",
      "idempotency-key": "k",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    expect(response.status).toBe(202);
    expect(await response.text()).toBe("");
    const [message] = host.messages;
    expect(message?.json()).toEqual({ a: 1 });
    expect([message?.tag, message?.priority]).toEqual([2n ** 64n - 1n, "high"]);
    expect(JSON.parse(JSON.stringify(message?.headers))).toEqual({
      deadlineMs: 5000,
      contentType: "application/json",
      subject: "jobs.new",
      replyTo: "answers",
      correlation: "c-1",
      idempotencyKey: "k",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      user: { "x-team": "blue" },
    });
    expect(host.credentials).toEqual(["Bearer x"]);
    await until("over", () => host.ends.length === 1);
    expect(host.ends[0]?.by).toBe("peer");
  });

  test("a request is answered with the handler's body, and its headers", async () => {
    const { host, post } = await serve();
    host.onRequest = (request) => {
      const body = request.text();
      if (body === "json") return Promise.resolve(new Reply({ sum: 3 }));
      if (body === "bytes")
        return Promise.resolve(
          new Reply(new Uint8Array([0, 255]), { contentType: "image/png" }),
        );
      return Promise.resolve(
        new Reply("schön", {
          tag: 7,
          subject: "s\r\nx: y",
          correlation: "ü",
          headers: { "X-Team": "blue" },
        }),
      );
    };
    const text = await post("request", "text");
    expect(text.status).toBe(200);
    expect(await text.text()).toBe("schön");
    expect(text.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(text.headers.get("ringwire-tag")).toBe("7");
    expect(text.headers.get("ringwire-subject")).toBe("s%0D%0Ax: y");
    expect(text.headers.get("ringwire-header-x-team")).toBe("blue");
    expect(text.headers.get("x")).toBe(null);
    const json = await post("request", "json");
    expect(json.headers.get("content-type")).toBe("application/json");
    expect(await json.json()).toEqual({ sum: 3 });
    const bytes = await post("request", "bytes");
    expect(bytes.headers.get("content-type")).toBe("image/png");
    expect([...new Uint8Array(await bytes.arrayBuffer())]).toEqual([0, 255]);
  });

  const failures: readonly (readonly [string, number, string, () => Error])[] =
    [
      [
        "what the handler says",
        502,
        "BadInput",
        () => new RemoteError("BadInput", "no"),
      ],
      [
        "what may succeed later",
        503,
        "QueueFull",
        () =>
          new RemoteError("QueueFull", "later", {
            retryable: true,
            retryAfterMs: 2500,
          }),
      ],
      ["a bug", 500, "Internal", () => new Error("secret")],
      [
        "a deadline further on",
        504,
        "TimedOut",
        () => new TimedOutError("upstream"),
      ],
    ];
  for (const [what, status, code, error] of failures)
    test(`${what} is ${status}`, async () => {
      const { host, post } = await serve();
      host.onRequest = () => Promise.reject(error());
      const response = await post("request", "x");
      expect(response.status).toBe(status);
      expect(response.headers.get("retry-after")).toBe(
        status === 503 ? "3" : null,
      );
      const text = await response.text();
      expect(text).toContain(code);
      expect(text).not.toContain("secret");
    });

  test("nobody to answer is 404, and so is another path; other methods are 405", async () => {
    const { post, url } = await serve();
    const alone = await post("request", "x");
    expect([alone.status, await errorCode(alone)]).toEqual([
      404,
      "NoResponder",
    ]);
    const nowhere = await post("other", "x");
    expect([nowhere.status, await errorCode(nowhere)]).toEqual([
      404,
      "NotFound",
    ]);
    const got = await fetch(`${url}send`);
    expect([got.status, got.headers.get("allow")]).toEqual([405, "POST"]);
    await got.body?.cancel();
  });

  test("a request that takes too long is 504, and its handler hears of it; so does the one of a client that leaves: at once in Bun, at its deadline in Deno", async () => {
    const { host, post } = await serve();
    const reasons: unknown[] = [];
    host.onRequest = (request) =>
      new Promise((_, reject) => {
        expect(request.deadlineMs).toBeLessThan(performance.now() + 31_000);
        request.signal.addEventListener("abort", () => {
          reasons.push(request.signal.reason);
          reject(request.signal.reason);
        });
      });
    const late = await post("request", "x", { "ringwire-timeout": "50" });
    expect([late.status, await errorCode(late)]).toEqual([504, "TimedOut"]);
    expect(reasons.length).toBe(1);
    const leaving = new AbortController();
    const asked = fetch(`${listeners[0]?.address}request`, {
      method: "POST",
      body: "x",
      headers: { "ringwire-timeout": "Bun" in globalThis ? "30000" : "500" },
      signal: leaving.signal,
    }).catch(() => {});
    await until("asked", () => host.sessions.size === 1);
    leaving.abort();
    await asked;
    await until("heard", () => reasons.length === 2);
    await until("over", () => host.sessions.size === 0);
  });

  const bad: readonly (readonly [string, Record<string, string>])[] = [
    ["a tag of 2^64", { "ringwire-tag": "18446744073709551616" }],
    ["a tag that is no number", { "ringwire-tag": "-1" }],
    ["a priority that is none", { "ringwire-priority": "urgent" }],
    ["a timeout that is none", { "ringwire-timeout": "5s" }],
  ];
  for (const [what, headers] of bad)
    test(`${what} is 400, and nothing is handled`, async () => {
      const { host, post } = await serve();
      const response = await post("send", "x", headers);
      expect([response.status, await errorCode(response)]).toEqual([
        400,
        "BadHeader",
      ]);
      expect(host.messages.length).toBe(0);
    });

  test("a body that is too large is 413, declared or not, and one that just fits is taken", async () => {
    const { host, post, url } = await serve();
    const largest = new Uint8Array(host.maxMessageBytes);
    expect((await post("send", largest)).status).toBe(202);
    expect(host.messages[0]?.payload.length).toBe(host.maxMessageBytes);
    expect(
      (await post("send", new Uint8Array(host.maxMessageBytes + 1))).status,
    ).toBe(413);
    const size = (host.maxMessageBytes + 1).toString(16);
    const client = await RawWebSocket.connect(
      url,
      `POST /send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\n${"x".repeat(host.maxMessageBytes + 1)}\r\n`,
    );
    undo.push(() => client.socket.destroy());
    await until("refused", () => client.received.includes("413"));
    expect(host.messages.length).toBe(1);
  });

  test("a body that does not come in time is 504, and holds no place afterwards", async () => {
    const { host, listener, url } = await serve();
    const client = await RawWebSocket.connect(
      url,
      "POST /send HTTP/1.1\r\nHost: x\r\nRingwire-Timeout: 100\r\nContent-Length: 5\r\n\r\nab",
    );
    undo.push(() => client.socket.destroy());
    await until("answered", () => client.received.includes("504"));
    await until("over", () => listener.connectionCount === 0);
    expect(host.messages.length).toBe(0);
  });

  test("who is not let in gets 401, 403 or 503", async () => {
    const { host, post, url } = await serve();
    const codes: readonly (readonly [number, number])[] = [
      [CloseCode.Unauthorized, 401],
      [CloseCode.PolicyViolation, 403],
      [CloseCode.TooManyConnections, 503],
    ];
    for (const [closeCode, status] of codes) {
      host.onAdmit = () => {
        throw new NotAdmittedError(closeCode, "no");
      };
      const sent = await post("send", "x");
      expect(sent.status).toBe(status);
      await sent.body?.cancel();
      const heard = await fetch(`${url}listen`);
      expect(heard.status).toBe(status);
      await heard.body?.cancel();
    }
    expect([host.messages.length, host.ends.length]).toEqual([0, 0]);
  });

  test("beyond the greatest number it is 503, and there is room again afterwards", async () => {
    const { listener, post, url } = await serve({ maxConnections: 1 });
    const client = await listenTo(url);
    const refused = await post("send", "x");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([
      503,
      "1",
    ]);
    await refused.body?.cancel();
    expect(listener.statistics.refused).toBe(1);
    client.socket.destroy();
    await until("room", () => listener.connectionCount === 0);
    expect((await post("send", "x")).status).toBe(202);
  });

  test("pages of other origins are refused, listed ones are let in and may ask before", async () => {
    const own = await serve();
    const evil = { origin: "https://evil.example" };
    const refused = await own.post("send", "x", evil);
    expect([refused.status, await errorCode(refused)]).toEqual([
      403,
      "OriginRefused",
    ]);
    const listed = await serve({ origins: ["https://app.example"] });
    const app = { origin: "https://app.example" };
    const taken = await listed.post("send", "x", app);
    expect([
      taken.status,
      taken.headers.get("access-control-allow-origin"),
    ]).toEqual([202, "https://app.example"]);
    const asked = await fetch(`${listed.url}send`, {
      method: "OPTIONS",
      headers: { ...app, "access-control-request-headers": "ringwire-tag" },
    });
    expect([
      asked.status,
      asked.headers.get("access-control-allow-headers"),
    ]).toEqual([204, "ringwire-tag"]);
    expect([own.host.messages.length, listed.host.messages.length]).toEqual([
      0, 1,
    ]);
  });

  test("a listener gets its rooms' messages as events with ids, and a goodbye", async () => {
    const { host, listener, url } = await serve();
    const client = await listenTo(url, "?room=a&room=b");
    expect([...host.rooms.keys()]).toEqual(["a", "b"]);
    const [session] = host.rooms.get("a") ?? [];
    session?.trySend({ n: 1 }, { subject: "s" });
    await session?.send("two\nlines");
    await until("events", () => client.received.includes("id: 2"));
    const text = client.received.toString();
    expect(text).toContain(
      'id: 1\nevent: message\ndata: {"type":"message","id":1,"subject":"s","data":{"n":1}}\n\n',
    );
    expect(text).toContain(
      'id: 2\nevent: message\ndata: {"type":"message","id":2,"text":"two\\nlines"}\n\n',
    );
    expect(text).toContain("text/event-stream");
    expect(
      (
        (await refusalOf(
          session?.request("x") ?? Promise.resolve(),
        )) as RemoteError
      ).code,
    ).toBe("UnsupportedFeature");
    await listener.close();
    await until("goodbye", () =>
      client.received.includes('data: {"type":"goodbye","code":1001'),
    );
    expect([host.ends[0]?.code, host.ends[0]?.by]).toEqual([1001, "us"]);
    const bad = await serve();
    const response = await fetch(`${bad.url}listen?room=`);
    expect([response.status, await errorCode(response)]).toEqual([
      400,
      "BadRoom",
    ]);
  });

  test("a listener that leaves is over, and sending to it is a typed error", async () => {
    const { host, url } = await serve();
    const client = await listenTo(url, "?room=a");
    const [session] = host.rooms.get("a") ?? [];
    client.socket.destroy();
    await until("left", () => host.ends.length === 1);
    expect(host.ends[0]?.by).toBe("peer");
    expect(() => session?.trySend("x")).toThrow("is over");
  });

  test(
    "a listener that does not read gets no more than fits, and is ended with 1013",
    async () => {
      const { host, url } = await serve({
        writeBufferBytes: 100_000,
        closeTimeoutMs: 700,
      });
      const client = await listenTo(url, "?room=a");
      const [session] = host.rooms.get("a") ?? [];
      client.socket.pause();
      const text = "x".repeat(50_000);
      let taken = 0;
      let takenAtMs = performance.now();
      while (performance.now() - takenAtMs < 200 && taken < 5000) {
        if (session?.trySend(text)) {
          taken += 1;
          takenAtMs = performance.now();
        } else await pause(1);
      }
      expect(taken).toBeGreaterThan(1);
      expect(taken * text.length).toBeLessThan(40 * 2 ** 20);
      expect(session?.statistics.queuedBytes).toBeLessThan(200_000);
      await until("left", () => host.ends.length === 1);
      expect([host.ends[0]?.code, host.ends[0]?.by]).toEqual([1013, "us"]);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "curl works in pipelines",
    async () => {
      const { host, url } = await serve();
      host.onRequest = (request) =>
        Promise.resolve(new Reply(request.text().toUpperCase()));
      expect(
        await shell(
          `echo -n hello | curl -sf --data-binary @- ${url}request | tr L l`,
        ),
      ).toBe("HEllO");
      await shell(
        `seq 3 | while read n; do curl -sf -H 'Ringwire-Subject: n' -d "$n" ${url}send; done`,
      );
      expect(host.messages.map((message) => message.text())).toEqual([
        "1",
        "2",
        "3",
      ]);
      expect(host.messages[0]?.headers.contentType).toBe(undefined);
      const listening = run(
        `curl -sfN '${url}listen?room=a' | grep --line-buffered '^data: {"type":"message"' | head -2 | sed 's/^data: //'`,
      );
      await until("listening", () => host.rooms.has("a"));
      const [session] = host.rooms.get("a") ?? [];
      session?.trySend({ n: 1 });
      session?.trySend({ n: 2 });
      // curl sees that nobody reads it with the next one.
      const more = setInterval(() => {
        if (session?.state === "open") session.trySend("x");
      }, 20);
      undo.push(() => clearInterval(more));
      expect((await listening).stdout).toBe(
        '{"type":"message","id":1,"data":{"n":1}}\n{"type":"message","id":2,"data":{"n":2}}\n',
      );
      const { code: failed } = await run(`curl -sf -d x ${url}nowhere`);
      expect(failed).toBe(22);
    },
    { timeoutMs: 20_000 },
  );

  test("works over TLS, and below a path", async () => {
    const authority = new TestAuthority();
    undo.push(() => authority.remove());
    const tls = authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
    const { host, url } = await serve({ tls }, "https://127.0.0.1:0/v1/ring");
    expect(url.endsWith("/v1/ring/")).toBe(true);
    await shell(`curl -sf --cacert ${authority.ca} -d x ${url}send`);
    expect(host.messages.length).toBe(1);
  });

  test("an address in use and wrong options are typed errors", async () => {
    const { url } = await serve();
    const taken = await refusalOf(serve({}, url));
    expect(taken).toBeInstanceOf(AddressInUseError);
    expect(await refusalOf(serve({}, "https://127.0.0.1:0/"))).toBeInstanceOf(
      TypeError,
    );
    expect(await refusalOf(serve({ maxConnections: 0 }))).toBeInstanceOf(
      RangeError,
    );
  });
});

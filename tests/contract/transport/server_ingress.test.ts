/** One server, asked by those who speak no frames: over HTTP, and by a page over WebSocket. */
import { TransportServer } from "../../../src/transport/mod.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { until } from "../../support/waiting.ts";

let server: TransportServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe("a server without frames", () => {
  test("answers HTTP and pages alike, and broadcasts to both", async () => {
    server = await TransportServer.builder()
      .withProtocol("http://127.0.0.1:0/")
      .withProtocol("ws://127.0.0.1:0/")
      .build();
    server.onRequest((request) => request.text().toUpperCase());
    const [http = "", ws = ""] = server.addresses;
    const answer = await fetch(`${http}request`, {
      method: "POST",
      body: "hello",
    });
    expect(await answer.text()).toBe("HELLO");

    const texts: string[] = [];
    const page = new WebSocket(ws);
    page.addEventListener("message", ({ data }) => {
      texts.push(String(data));
    });
    await until("open", () => page.readyState === WebSocket.OPEN);
    page.send('{"type":"request","id":1,"text":"abc"}');
    await until("answered", () => texts.length === 2);
    expect(texts[1]).toBe('{"type":"response","id":1,"text":"ABC"}');

    const events = await fetch(`${http}listen?room=news`);
    const reader = events.body?.getReader();
    let heard = "";
    const listening = (async () => {
      while (!heard.includes("extra")) {
        const { value, done } = (await reader?.read()) ?? { done: true };
        if (done) return;
        heard += new TextDecoder().decode(value);
      }
    })();
    await until("hello", () => heard.includes("event: hello"));
    server.broadcast("extra");
    await listening;
    await until("the page too", () => texts.length === 3);
    expect(texts[2]).toContain('"text":"extra"');
    await reader?.cancel();
    page.close();
  });
});

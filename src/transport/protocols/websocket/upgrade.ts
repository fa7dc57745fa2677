/** The handshake of WebSocket (RFC 6455, section 4): what is asked, and what is answered. */
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import type { UpgradeInfo } from "../../adapter.ts";
import { isOriginAllowed, type OriginRules } from "./origins.ts";
import { listOf, type UpgradeHead } from "./upgrade_head.ts";

/** The sub-protocol whose binary messages carry frames. */
export const frameProtocol = "ringwire.1";
/** The sub-protocol of text messages, for clients that want to name one; those without any speak it too. */
export const textProtocol = "ringwire.1.text";
/** Begins the name of a sub-protocol that is a token, base64url, for browsers, which can send no header. */
export const bearerPrefix = "ringwire.bearer.";

/** What a listener lets in. */
export interface UpgradeRules extends OriginRules {
  /** Without query. */
  readonly pathname: string;
}

/** How a request to upgrade is answered. */
export type UpgradeAnswer =
  | {
      readonly isAccepted: true;
      readonly response: string;
      readonly upgrade: UpgradeInfo;
    }
  | { readonly isAccepted: false; readonly response: string };

const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}${acceptSuffix}`).digest("base64");
}

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
};

/** A refusal, with a text for people. */
export function refusal(status: number, text: string): string {
  const body = `${text}\n`;
  const upgrade =
    status === 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "";
  return `HTTP/1.1 ${status} ${reasons[status] ?? "Refused"}\r\n${upgrade}Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close${status === 426 ? ", Upgrade" : ""}\r\n\r\n${body}`;
}

function refuse(status: number, text: string): UpgradeAnswer {
  return { isAccepted: false, response: refusal(status, text) };
}

/** The token that a client has put into a sub-protocol, as credentials. */
function credentialsOf(offered: readonly string[]): string | undefined {
  const bearer = offered.find((name) => name.startsWith(bearerPrefix));
  if (bearer === undefined) return undefined;
  const token = Buffer.from(bearer.slice(bearerPrefix.length), "base64url");
  return `Bearer ${token.toString("utf8")}`;
}

/** Answers a request. */
export function answerUpgrade(
  head: UpgradeHead,
  rules: UpgradeRules,
): UpgradeAnswer {
  const { headers, startLine } = head;
  const [, method = "", target = ""] =
    /^([A-Z]+) (\/\S*) HTTP\/1\.1$/.exec(startLine) ?? [];
  if (method === "") return refuse(400, "This is no request of HTTP/1.1.");
  const [pathname = ""] = target.split("?");
  if (pathname !== rules.pathname) return refuse(404, "Nothing is here.");
  const wanted = listOf(headers.get("upgrade")?.toLowerCase());
  const version = headers.get("sec-websocket-version");
  if (method !== "GET" || !wanted.includes("websocket"))
    return refuse(426, "Only WebSocket is spoken here.");
  if (version !== "13")
    return refuse(426, "Only version 13 of WebSocket is spoken here.");
  const key = headers.get("sec-websocket-key") ?? "";
  if (
    !/^[A-Za-z0-9+/]{22}==$/.test(key) ||
    !listOf(headers.get("connection")?.toLowerCase()).includes("upgrade") ||
    headers.get("host") === undefined
  )
    return refuse(400, "The request to upgrade is not complete.");
  const origin = headers.get("origin");
  if (!isOriginAllowed(origin, headers.get("host"), rules))
    return refuse(403, "Pages of this origin are not let in.");
  const offered = listOf(headers.get("sec-websocket-protocol"));
  const protocol = [frameProtocol, textProtocol].find((name) =>
    offered.includes(name),
  );
  return {
    isAccepted: true,
    response: `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n${protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`,
    upgrade: {
      carries: protocol === frameProtocol ? "frames" : "text",
      protocol,
      path: target,
      origin,
      credentials: credentialsOf(offered),
    },
  };
}

/** A request to upgrade. */
export interface UpgradeRequest {
  readonly text: string;
  /**
   * Reads the answer.
   *
   * @returns why it is none, with its status if it has one; undefined when the upgrade has succeeded
   */
  readonly refusalOf: (
    head: UpgradeHead,
  ) =>
    { readonly what: string; readonly status: number | undefined } | undefined;
}

/** Asks for frames. @param authority host and port, as in a URL */
export function requestUpgrade(
  authority: string,
  path: string,
): UpgradeRequest {
  const key = randomBytes(16).toString("base64");
  return {
    text: `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${frameProtocol}\r\n\r\n`,
    refusalOf({ startLine, headers }) {
      const [, digits, words = ""] =
        /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(startLine) ?? [];
      if (digits === undefined)
        return { what: "the answer is no HTTP", status: undefined };
      const status = Number(digits);
      if (status !== 101)
        return { what: `the answer is ${status} ${words}`.trim(), status };
      const isUpgraded =
        headers.get("upgrade")?.toLowerCase() === "websocket" &&
        listOf(headers.get("connection")?.toLowerCase()).includes("upgrade") &&
        headers.get("sec-websocket-accept") === acceptOf(key) &&
        headers.get("sec-websocket-extensions") === undefined;
      if (!isUpgraded)
        return { what: "the answer is not what was asked for", status };
      if (headers.get("sec-websocket-protocol") !== frameProtocol)
        return { what: `the server speaks no ${frameProtocol}`, status };
      return undefined;
    },
  };
}

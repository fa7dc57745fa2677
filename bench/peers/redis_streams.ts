/** Redis Streams by raw requests: a stream with one group of consumers. */
import process from "node:process";
import type { PeerAddress, PeerClient } from "./client.ts";
import { Connection } from "./connection.ts";

const group = "workers";
/** How often a consumer looks for what others have left, while nothing else comes. */
const claimPollMs = 100;

/** End of one RESP value, https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export function redisReplyEnd(text: string, at: number): number {
  const lineEnd = text.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const kind = text[at];
  const next = lineEnd + 2;
  if (kind !== "$" && kind !== "*") return next;
  const count = Number(text.slice(at + 1, lineEnd));
  if (count < 0) return next;
  if (kind === "$")
    return next + count + 2 <= text.length ? next + count + 2 : -1;
  let end = next;
  for (let item = 0; item < count && end >= 0; item++)
    end = redisReplyEnd(text, end);
  return end;
}

/** One command as an array of bulk strings. Words are ASCII. */
export function redisRequest(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

/** An entry of a stream. */
export interface StreamEntry {
  readonly id: string;
  readonly body: string;
}

const entry = /\$\d+\r\n(\d+-\d+)\r\n\*2\r\n\$1\r\nb\r\n\$\d+\r\n([^\r]*)\r\n/g;

/** Entries of a reply to XREADGROUP or XAUTOCLAIM whose only field is `b`. */
export function streamEntries(reply: string): StreamEntry[] {
  return [...reply.matchAll(entry)].map(([, id = "", body = ""]) => ({
    id,
    body,
  }));
}

function refuseErrors(replies: readonly string[]): void {
  const error = replies.find((reply) => reply.startsWith("-"));
  if (error !== undefined) throw new Error(error.trim());
}

/** Connects, and makes the stream and its group. */
export async function openRedisStreams({
  address,
  name,
  leaseMs,
}: PeerAddress): Promise<PeerClient> {
  const connection = await Connection.open(address, redisReplyEnd);
  const consumer = String(process.pid);
  // It exists already when the other side came first.
  await connection.ask(
    redisRequest("XGROUP", "CREATE", name, group, "0", "MKSTREAM"),
    1,
  );
  const read = (count: number): string =>
    redisRequest(
      "XREADGROUP",
      "GROUP",
      group,
      consumer,
      "COUNT",
      String(count),
      "BLOCK",
      String(claimPollMs),
      "STREAMS",
      name,
      ">",
    );
  const claim = redisRequest(
    "XAUTOCLAIM",
    name,
    group,
    consumer,
    String(leaseMs),
    "0",
  );
  return {
    async put(bodies) {
      const requests = bodies.map((body) =>
        redisRequest("XADD", name, "*", "b", body),
      );
      refuseErrors(await connection.ask(requests.join(""), bodies.length));
    },
    async consume(batch, handle) {
      // The acknowledgement of one turn and the request of the next go out in one write.
      let acknowledgement = "";
      for (let count = 0; ;) {
        const replies = await connection.ask(
          acknowledgement + read(batch),
          acknowledgement === "" ? 1 : 2,
        );
        refuseErrors(replies);
        if (acknowledgement !== "" && replies[0] !== `:${count}\r\n`)
          throw new Error(`XACK of ${count} gave ${replies[0]}`);
        let entries = streamEntries(replies.at(-1) ?? "");
        if (entries.length === 0)
          entries = streamEntries((await connection.ask(claim, 1))[0] ?? "");
        for (const { body } of entries) handle(body);
        count = entries.length;
        acknowledgement =
          count === 0
            ? ""
            : redisRequest("XACK", name, group, ...entries.map(({ id }) => id));
      }
    },
    async hold(count) {
      const [reply = ""] = await connection.ask(read(count), 1);
      const held = streamEntries(reply).length;
      if (held !== count) throw new Error(`got ${held} of ${count}`);
    },
  };
}

/** The least that Redis Streams and beanstalkd need to be measured: raw requests in, replies counted. */
import {
  Connection,
  type PeerArgument,
  type PeerClient,
} from "./peer_protocol.ts";

const body = "a".repeat(64);

/** End of one RESP value, https://redis.io/docs/latest/develop/reference/protocol-spec/ */
function redisReplyEnd(text: string, at: number): number {
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

function redisRequest(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

async function openRedis({
  socket,
  stream,
}: PeerArgument): Promise<PeerClient> {
  const connection = await Connection.open(socket, redisReplyEnd);
  const put = redisRequest("XADD", stream, "*", "b", body);
  const entryId = /\r\n(\d+-\d+)\r\n/g;
  return {
    async prepare() {
      await connection.ask(
        redisRequest("XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM"),
        1,
      );
    },
    async put(count) {
      await connection.ask(put.repeat(count), count);
    },
    async takeAndAcknowledge(count) {
      const [reply = ""] = await connection.ask(
        redisRequest(
          "XREADGROUP",
          "GROUP",
          "workers",
          "one",
          "COUNT",
          String(count),
          "BLOCK",
          "100",
          "STREAMS",
          stream,
          ">",
        ),
        1,
      );
      const ids = [...reply.matchAll(entryId)].map((match) => match[1] ?? "");
      if (ids.length === 0) return 0;
      const [acknowledged] = await connection.ask(
        redisRequest("XACK", stream, "workers", ...ids),
        1,
      );
      if (acknowledged !== `:${ids.length}\r\n`)
        throw new Error(`XACK gave ${acknowledged}`);
      return ids.length;
    },
  };
}

/** End of one reply, https://raw.githubusercontent.com/beanstalkd/beanstalkd/master/doc/protocol.txt */
function beanstalkReplyEnd(text: string, at: number): number {
  const lineEnd = text.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const next = lineEnd + 2;
  const reserved = /^RESERVED \d+ (\d+)$/.exec(text.slice(at, lineEnd));
  if (reserved === null) return next;
  const end = next + Number(reserved[1]) + 2;
  return end <= text.length ? end : -1;
}

async function openBeanstalkd({
  socket,
  stream,
}: PeerArgument): Promise<PeerClient> {
  const connection = await Connection.open(socket, beanstalkReplyEnd);
  const put = `put 1024 0 60 ${body.length}\r\n${body}\r\n`;
  return {
    async prepare() {
      await connection.ask(`use ${stream}\r\nwatch ${stream}\r\n`, 2);
    },
    async put(count) {
      await connection.ask(put.repeat(count), count);
    },
    async takeAndAcknowledge(count) {
      const replies = await connection.ask(
        "reserve-with-timeout 1\r\n".repeat(count),
        count,
      );
      const ids = replies.flatMap(
        (reply) => /^RESERVED (\d+)/.exec(reply)?.[1] ?? [],
      );
      if (ids.length === 0) return 0;
      const deleted = await connection.ask(
        ids.map((id) => `delete ${id}\r\n`).join(""),
        ids.length,
      );
      if (deleted.some((reply) => reply !== "DELETED\r\n"))
        throw new Error(`delete gave ${deleted.join()}`);
      return ids.length;
    },
  };
}

/** Connects, and makes the stream or tube. */
export async function openPeer(argument: PeerArgument): Promise<PeerClient> {
  const client = await (argument.peer === "beanstalkd"
    ? openBeanstalkd(argument)
    : openRedis(argument));
  await client.prepare();
  return client;
}

/** beanstalkd by raw requests, https://raw.githubusercontent.com/beanstalkd/beanstalkd/master/doc/protocol.txt */
import type { PeerAddress, PeerClient } from "./client.ts";
import { Connection } from "./connection.ts";

const timeToRunS = 60;

/** End of one reply; a reserved job carries its body. */
export function beanstalkReplyEnd(text: string, at: number): number {
  const lineEnd = text.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const next = lineEnd + 2;
  const reserved = /^RESERVED \d+ (\d+)$/.exec(text.slice(at, lineEnd));
  if (reserved === null) return next;
  const end = next + Number(reserved[1]) + 2;
  return end <= text.length ? end : -1;
}

const reservation = /^RESERVED (\d+) \d+\r\n([^\r]*)/;

/** Connects to a tube of its own. */
export async function openBeanstalkd({
  address,
  name,
}: PeerAddress): Promise<PeerClient> {
  const connection = await Connection.open(address, beanstalkReplyEnd);
  await connection.ask(`use ${name}\r\nwatch ${name}\r\n`, 2);
  return {
    async put(bodies) {
      const requests = bodies.map(
        (body) => `put 1024 0 ${timeToRunS} ${body.length}\r\n${body}\r\n`,
      );
      const replies = await connection.ask(requests.join(""), bodies.length);
      const refused = replies.find((reply) => !reply.startsWith("INSERTED "));
      if (refused !== undefined) throw new Error(`put gave ${refused.trim()}`);
    },
    async consume(batch, handle) {
      // The deletions of one turn and the requests of the next go out in one write.
      const reserve = "reserve-with-timeout 1\r\n".repeat(batch);
      for (let ids: string[] = []; ;) {
        const deletions = ids.map((id) => `delete ${id}\r\n`).join("");
        const replies = await connection.ask(
          deletions + reserve,
          ids.length + batch,
        );
        const refused = replies
          .slice(0, ids.length)
          .find((reply) => reply !== "DELETED\r\n");
        if (refused !== undefined)
          throw new Error(`delete gave ${refused.trim()}`);
        ids = [];
        for (const reply of replies) {
          const match = reservation.exec(reply);
          if (match === null) continue;
          handle(match[2] ?? "");
          ids.push(match[1] ?? "");
        }
      }
    },
    async hold(count) {
      const replies = await connection.ask("reserve\r\n".repeat(count), count);
      if (!replies.every((reply) => reservation.test(reply)))
        throw new Error(`reserve gave ${replies.join()}`);
    },
  };
}

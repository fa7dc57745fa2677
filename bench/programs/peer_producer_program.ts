/** Puts messages into a peer until it is killed. Argument: ProducerArgument. */
import process from "node:process";
import { bodyBytes } from "../peers/client.ts";
import { openProducer } from "../peers/open.ts";
import { Backlog } from "./backlog.ts";
import { monotonicUs } from "./clocks.ts";
import type { ProducerArgument } from "./peer_arguments.ts";
import { sendAtRate } from "./stamps.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as ProducerArgument;
const { address, work } = argument;
const producer = await openProducer(address);

function bodies(count: number): string[] {
  return Array.from({ length: count }, () => "a".repeat(bodyBytes));
}

console.log("ready");
if (work.kind === "rate") {
  await sendAtRate(work.messagesPerSecond, monotonicUs, (body) => {
    void producer.put([body]);
  });
} else if (work.kind === "fill") {
  const batch = 1000;
  for (let put = 0; put < work.messages; put += batch)
    await producer.put(bodies(Math.min(batch, work.messages - put)));
  console.log("full");
  // Connected while the server's memory is looked at.
  setInterval(() => {}, 1000);
} else {
  // Each batch has to be accepted before the next turn.
  const batch = bodies(work.batch);
  for (const backlog = new Backlog(address.name); ;) {
    await backlog.admit(batch.length);
    await producer.put(batch);
  }
}

/** ZeroMQ PUSH to PULL over ipc, both ends, for Node: the client crashes in Bun. Argument: ZeromqArgument. */
import process from "node:process";
import { bodyBytes } from "../peers/client.ts";
import { pullMessages, openPush } from "../peers/zeromq.ts";
import { reportCountedRate } from "./rounds.ts";
import { Latencies, sendAtRate } from "./stamps.ts";

/** What it is given. */
export interface ZeromqArgument {
  readonly role: "producer" | "consumer";
  readonly socket: string;
  readonly report: string;
  /** Measures latency at that rate; else throughput. */
  readonly messagesPerSecond?: number;
}

const { role, socket, report, messagesPerSecond } = JSON.parse(
  process.argv[2] ?? "{}",
) as ZeromqArgument;

/** In Node, this is CLOCK_MONOTONIC itself. */
function monotonicUs(): number {
  return Number(process.hrtime.bigint()) / 1e3;
}

if (role === "producer") {
  const push = openPush(socket);
  console.log("ready");
  if (messagesPerSecond !== undefined) {
    // The client refuses a send while another one is under way.
    let sent = Promise.resolve();
    await sendAtRate(messagesPerSecond, monotonicUs, (body) => {
      sent = sent.then(() => push.send(Buffer.from(body)));
    });
  }
  const body = Buffer.alloc(bodyBytes, "a");
  for (;;) await push.send(body);
}
if (messagesPerSecond === undefined) {
  let taken = 0;
  void pullMessages(socket, () => taken++);
  console.log("ready");
  await reportCountedRate(report, () => taken);
} else {
  const latencies = new Latencies(report, monotonicUs);
  void pullMessages(socket, latencies.note);
  console.log("ready");
  await latencies.reportRounds();
}
process.exit(0);

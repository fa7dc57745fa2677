/** Takes from a peer, acknowledges, and reports messages per second or how long they took. Argument: ConsumerArgument. */
import process from "node:process";
import { openConsumer } from "../peers/open.ts";
import { Backlog } from "./backlog.ts";
import { monotonicUs } from "./clocks.ts";
import type { ConsumerArgument } from "./peer_arguments.ts";
import { reportCountedRate } from "./rounds.ts";
import { Latencies } from "./stamps.ts";

const { address, batch, report, measure } = JSON.parse(
  process.argv[2] ?? "{}",
) as ConsumerArgument;
const consumer = await openConsumer(address);

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

if (measure === "throughput") {
  const backlog = new Backlog(address.name);
  consumer.consume(batch, backlog.take).catch(fail);
  console.log("ready");
  await reportCountedRate(report, () => backlog.taken);
} else {
  const latencies = new Latencies(report, monotonicUs);
  consumer.consume(batch, latencies.note).catch(fail);
  console.log("ready");
  await latencies.reportRounds();
}
process.exit(0);

/** Makes the queue, takes from it at full speed, reports messages per second, destroys it. Argument: {queue, exchange, report, maxMessages}. */
import process from "node:process";
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import { type Exchange, type ExchangeName, exchanges } from "./exchanges.ts";
import { reportRate } from "./rounds.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as {
  queue: string;
  exchange: ExchangeName;
  report: string;
  maxMessages: number;
};
const queue = CrossProcessQueue.create(argument.queue, {
  maxMessages: argument.maxMessages,
  maxMessageSize: 1024,
});
console.log("ready");
const way: Exchange = exchanges[argument.exchange];

function waitForOne(): number {
  const job = queue.reserveSync(100);
  job?.ack();
  return job === null ? 0 : 1;
}

const first = queue.reserveSync(20_000);
if (first === null) throw new Error("the producer sends nothing");
first.ack();
reportRate(argument.report, "msg/s", () => way.take(queue), waitForOne);
queue.destroy();

/** Sends for ever, until the queue is destroyed. Argument: {queue, exchange}. */
import process from "node:process";
import {
  CrossProcessQueue,
  QueueClosedError,
  QueueTimeoutError,
} from "../../src/queue/mod.ts";
import { type Exchange, type ExchangeName, exchanges } from "./exchanges.ts";
import { repeatUntilThrown } from "./rounds.ts";

const { queue: name, exchange } = JSON.parse(process.argv[2] ?? "{}") as {
  queue: string;
  exchange: ExchangeName;
};
const queue = CrossProcessQueue.connect(name);
const way: Exchange = exchanges[exchange];
const one = new Uint8Array(64).fill(0x61);
const text = JSON.stringify({ id: 1_234_567 });

function waitForRoom(): void {
  try {
    queue.sendSync(exchange === "json-jobs" ? text : one, 100);
  } catch (error) {
    if (!(error instanceof QueueTimeoutError)) throw error;
  }
}

const error = repeatUntilThrown(() => way.send(queue), waitForRoom);
queue.close();
if (!(error instanceof QueueClosedError)) throw error;

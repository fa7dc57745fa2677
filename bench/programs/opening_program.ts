/** What making and opening a queue costs. Argument: {queue, runtime}. */
import process from "node:process";
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import { report, roundsCounted } from "./rounds.ts";

const { queue: name, runtime } = JSON.parse(process.argv[2] ?? "{}") as {
  queue: string;
  runtime: string;
};
const timesPerRound = 100;

function measure(what: string, step: () => void): void {
  for (let round = -1; round < roundsCounted; round++) {
    const startMs = performance.now();
    for (let time = 0; time < timesPerRound; time++) step();
    if (round >= 0)
      report(
        `${runtime}.${what}`,
        ((performance.now() - startMs) * 1000) / timesPerRound,
        "us",
      );
  }
}

measure("create+destroy", () => CrossProcessQueue.create(name).destroy());
const queue = CrossProcessQueue.create(name);
measure("open+close.participants-1", () =>
  CrossProcessQueue.connect(name).close(),
);
const others = Array.from({ length: 99 }, () =>
  CrossProcessQueue.connect(name),
);
measure("open+close.participants-100", () =>
  CrossProcessQueue.connect(name).close(),
);
for (const other of others) other.close();
queue.destroy();

import type { Bench } from "../bench.ts";

export const ring: Bench = {
  name: "ring",
  about:
    "the queue alone: uncontended, 1 and 2 producers and consumers, one-way latency (C)",
  run: (stage) => stage.startC("queue_bench").samples(),
};

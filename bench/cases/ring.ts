import type { Bench } from "../bench.ts";
import type { Sample } from "../sample.ts";

/** Repeated, because the distance between virtual processors changes within seconds, and the ring moves cache lines for a living. */
const passes = 3;

export const ring: Bench = {
  name: "ring",
  about:
    "the queue alone: uncontended, 1 and 2 producers and consumers, one-way latency (C)",
  async run(stage) {
    const samples: Sample[] = [];
    for (let pass = 0; pass < passes; pass++) {
      samples.push(...(await stage.startC("queue_bench").samples()));
      samples.push(...(await stage.startC("limits", ["distance"]).samples()));
    }
    return samples;
  },
};

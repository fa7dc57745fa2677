import type { Bench } from "../bench.ts";
import {
  type LargeArgument,
  type SizeName,
  sizes,
  ways,
} from "../programs/sizes.ts";
import type { Sample } from "../sample.ts";

export const large: Bench = {
  name: "large",
  about:
    "1 KiB to 64 MiB between two processes, against memcpy: copied, also into one buffer; zero-copy, also with buffers that are reused",
  async run(stage) {
    const samples: Sample[] = [];
    for (const runtime of stage.runtimes) {
      for (const way of ways) {
        for (const size of Object.keys(sizes) as SizeName[]) {
          const argument: LargeArgument = {
            queue: `large-${runtime}-${way}-${size}`,
            size,
            way,
            report: `${runtime}.large.${way}.${size}`,
          };
          const consumer = stage.startScript(
            runtime,
            "large_consumer",
            argument,
            0,
          );
          await consumer.nextLine();
          const producer = stage.startScript(
            runtime,
            "large_producer",
            argument,
            1,
          );
          samples.push(...(await consumer.samples()));
          await producer.samples();
        }
      }
    }
    return samples;
  },
};

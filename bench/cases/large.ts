import type { Bench } from "../bench.ts";
import { type LargeArgument, type SizeName, sizes } from "../programs/sizes.ts";
import type { Sample } from "../sample.ts";

export const large: Bench = {
  name: "large",
  about:
    "1 KiB to 64 MiB between two processes, copied and zero-copy, against memcpy",
  async run(stage) {
    const samples: Sample[] = [];
    for (const runtime of stage.runtimes) {
      for (const zeroCopy of [false, true]) {
        for (const size of Object.keys(sizes) as SizeName[]) {
          const how = zeroCopy ? "zero-copy" : "copied";
          const argument: LargeArgument = {
            queue: `large-${runtime}-${how}-${size}`,
            size,
            zeroCopy,
            report: `${runtime}.large.${how}.${size}`,
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

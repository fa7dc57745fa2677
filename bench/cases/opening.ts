import type { Bench } from "../bench.ts";

export const opening: Bench = {
  name: "opening",
  about:
    "create, destroy, open and close with 1 and 100 participants; memory held by queues",
  async run(stage) {
    const samples = await stage.startC("queue_opening").samples();
    for (const runtime of stage.runtimes) {
      samples.push(
        ...(await stage
          .startScript(
            runtime,
            "opening",
            { queue: `opening-${runtime}`, runtime },
            0,
          )
          .samples()),
      );
    }
    return samples;
  },
};

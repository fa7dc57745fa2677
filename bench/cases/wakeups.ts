import type { Bench } from "../bench.ts";
import type { Sample } from "../sample.ts";

export const wakeups: Bench = {
  name: "wakeups",
  about:
    "round trip of two event loops that await receive(), against a pipe in C",
  async run(stage) {
    const samples: Sample[] = [];
    for (const runtime of stage.runtimes) {
      const argument = {
        there: `there-${runtime}`,
        back: `back-${runtime}`,
        report: `${runtime}.round-trip`,
      };
      const near = stage.startScript(
        runtime,
        "round_trip",
        { ...argument, echo: false },
        0,
      );
      await near.nextLine();
      const far = stage.startScript(
        runtime,
        "round_trip",
        { ...argument, echo: true },
        1,
      );
      samples.push(...(await near.samples()));
      await far.samples();
    }
    return samples;
  },
};

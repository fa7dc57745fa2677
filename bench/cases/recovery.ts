import { CrossProcessQueue } from "../../src/queue/mod.ts";
import type { Bench } from "../bench.ts";
import type { Sample } from "../sample.ts";
import type { Runtime, Stage } from "../stage.ts";

const leases = 100;
const kills = 5;

/** From the SIGKILL of a process that holds leases to the moment when the survivor says that it has them all. */
async function killAndWait(
  stage: Stage,
  runtime: Runtime,
  watch: boolean,
): Promise<Sample[]> {
  const name = `recovery-${runtime}-${watch}`;
  using queue = CrossProcessQueue.create(name, { maxMessages: 1024 });
  const samples: Sample[] = [];
  const bodies = Array.from({ length: leases }, () => new Uint8Array(64));
  for (let kill = 0; kill < kills; kill++) {
    queue.sendMany(bodies);
    const holder = stage.startScript(
      runtime,
      "holder",
      { queue: name, leases },
      1,
    );
    if ((await holder.nextLine()) !== "ready")
      throw new Error("the holder did not start");
    const survivor = stage.startScript(
      runtime,
      "survivor",
      { queue: name, leases, watch },
      0,
    );
    if ((await survivor.nextLine()) !== "ready")
      throw new Error("the survivor did not start");
    // At any moment of the second in which dead processes are looked for once.
    await Bun.sleep(200 + Math.random() * 1000);
    const startMs = performance.now();
    await holder.kill();
    if ((await survivor.nextLine()) !== "all")
      throw new Error("the survivor got nothing");
    samples.push({
      name: `${runtime}.recovery.${watch ? "watch" : "sweep"}`,
      value: performance.now() - startMs,
      unit: "ms",
    });
    await survivor.kill();
  }
  queue.destroy();
  return samples;
}

export const recovery: Bench = {
  name: "recovery",
  about:
    "redelivery after the SIGKILL of a consumer that holds leases, by sweep and with watch()",
  async run(stage) {
    const samples = await stage.startC("queue_recovery").samples();
    for (const runtime of stage.runtimes) {
      for (const watch of [false, true])
        samples.push(...(await killAndWait(stage, runtime, watch)));
    }
    return samples;
  },
};

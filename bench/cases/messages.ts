import type { Bench } from "../bench.ts";
import { samplesWithCpu } from "../cpu_time.ts";
import type { ExchangeName } from "../programs/exchanges.ts";
import type { Sample } from "../sample.ts";
import type { Runtime, Stage } from "../stage.ts";

const maxMessages = 16_384;

/** A producer and a consumer, each in a process and on a processor of its own. */
async function pair(
  stage: Stage,
  runtime: Runtime,
  exchange: ExchangeName,
): Promise<Sample[]> {
  const queue = `messages-${runtime}-${exchange}`;
  const report = `${runtime}.${exchange}`;
  const consumer = stage.startScript(
    runtime,
    "consumer",
    { queue, exchange, report, maxMessages },
    0,
  );
  await consumer.nextLine();
  const producer = stage.startScript(
    runtime,
    "producer",
    { queue, exchange },
    1,
  );
  const samples = await samplesWithCpu(
    consumer,
    [producer.pid, consumer.pid],
    report,
  );
  await producer.samples();
  return samples;
}

export const messages: Bench = {
  name: "messages",
  about:
    "64-byte messages and small JSON jobs between two processes, one per call and in batches",
  async run(stage) {
    const samples: Sample[] = [];
    for (const runtime of stage.runtimes) {
      samples.push(
        ...(await stage
          .startScript(
            runtime,
            "alone",
            { queue: `alone-${runtime}`, runtime },
            0,
          )
          .samples()),
      );
      for (const exchange of [
        "messages",
        "jobs",
        "message-batches",
        "job-batches",
        "json-jobs",
      ] as const) {
        samples.push(...(await pair(stage, runtime, exchange)));
      }
    }
    return samples;
  },
};

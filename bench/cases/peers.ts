import type { Bench } from "../bench.ts";
import { samplesWithCpu } from "../cpu_time.ts";
import type { PeerAddress } from "../peers/client.ts";
import {
  type Server,
  type ServedPeer,
  withEachServer,
} from "../peers/servers.ts";
import type {
  ConsumerArgument,
  ProducerArgument,
} from "../programs/peer_arguments.ts";
import type { Sample } from "../sample.ts";
import type { Stage } from "../stage.ts";

/** BullMQ has no batches; there, it is how many jobs are handled at a time. */
const batches = { jobs: 1, "job-batches": 100 } as const;
/** Longer than any message waits here, and what BullMQ and JetStream do by default. */
const leaseMs = 30_000;

async function measure(
  stage: Stage,
  { peer }: ServedPeer,
  server: Server,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const [exchange, batch] of Object.entries(batches)) {
    const report = `peer.${peer}.${exchange}`;
    const address: PeerAddress = {
      peer,
      address: server.address,
      name: `${peer}-${exchange}`,
      leaseMs,
    };
    const consumed: ConsumerArgument = {
      address,
      batch,
      report,
      measure: "throughput",
    };
    const produced: ProducerArgument = {
      address,
      work: { kind: "batches", batch },
    };
    const producer = stage.startScript("bun", "peer_producer", produced, 1);
    if ((await producer.nextLine()) !== "ready") await producer.samples();
    const consumer = stage.startScript("bun", "peer_consumer", consumed, 0);
    samples.push(
      ...(await samplesWithCpu(
        consumer,
        [producer.pid, server.program.pid, consumer.pid],
        report,
      )),
    );
    await producer.kill();
  }
  return samples;
}

export const peers: Bench = {
  name: "peers",
  about:
    "Redis Streams, BullMQ, beanstalkd and JetStream, each message acknowledged, one by one and 100 at a time",
  run: (stage, note) =>
    withEachServer(stage, note, (peer, server) => measure(stage, peer, server)),
};

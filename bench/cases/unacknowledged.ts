import type { Bench } from "../bench.ts";
import { samplesWithCpu } from "../cpu_time.ts";
import type { PeerAddress } from "../peers/client.ts";
import { missingFor, zeromq } from "../peers/servers.ts";
import type {
  ConsumerArgument,
  ProducerArgument,
} from "../programs/peer_arguments.ts";
import type { ZeromqArgument } from "../programs/zeromq_program.ts";
import type { Sample } from "../sample.ts";
import type { Program, Stage } from "../stage.ts";

async function measurePair(
  consumer: Program,
  startProducer: () => Program,
  report: string,
): Promise<Sample[]> {
  if ((await consumer.nextLine()) !== "ready") await consumer.samples();
  const producer = startProducer();
  const samples = await samplesWithCpu(
    consumer,
    [producer.pid, consumer.pid],
    report,
  );
  await producer.kill();
  return samples;
}

async function unixSocket(stage: Stage): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const batch of [1, 100]) {
    const exchange = batch === 1 ? "messages" : "message-batches";
    const report = `peer.unix-socket.${exchange}`;
    const address: PeerAddress = {
      peer: "unix-socket",
      address: `${stage.temporaryDirectory()}/socket`,
      name: `unix-socket-${exchange}`,
      leaseMs: 0,
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
    samples.push(
      ...(await measurePair(
        stage.startScript("bun", "peer_consumer", consumed, 0),
        () => stage.startScript("bun", "peer_producer", produced, 1),
        report,
      )),
    );
  }
  return samples;
}

function overZeromq(stage: Stage): Promise<Sample[]> {
  const report = "peer.zeromq.messages";
  const socket = `${stage.temporaryDirectory()}/socket`;
  const start = (role: ZeromqArgument["role"], processor: number) =>
    stage.startNode("zeromq", { role, socket, report }, processor);
  return measurePair(start("consumer", 0), () => start("producer", 1), report);
}

export const unacknowledged: Bench = {
  name: "unacknowledged",
  about:
    "a unix socket in Bun and in C, a POSIX message queue in C, ZeroMQ in Node: nothing is acknowledged",
  async run(stage, note) {
    const samples = await unixSocket(stage);
    const missing = missingFor(zeromq);
    if (missing.length > 0)
      note(`zeromq: not measured; install ${missing.join(" and ")}`);
    else samples.push(...(await overZeromq(stage)));
    samples.push(...(await stage.startC("streams").samples()));
    return samples;
  },
};

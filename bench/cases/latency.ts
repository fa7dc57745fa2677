import type { Bench } from "../bench.ts";
import { samplesWithCpu } from "../cpu_time.ts";
import type { PeerAddress } from "../peers/client.ts";
import { missingFor, withEachServer, zeromq } from "../peers/servers.ts";
import type {
  ConsumerArgument,
  ProducerArgument,
} from "../programs/peer_arguments.ts";
import type { ZeromqArgument } from "../programs/zeromq_program.ts";
import type { Sample } from "../sample.ts";
import type { Runtime, Stage } from "../stage.ts";

/** Every peer can carry a multiple of it. */
const messagesPerSecond = 1000;

/** Both ends in `runtime`; `servers` are the processes between them. */
async function measure(
  stage: Stage,
  runtime: Runtime,
  address: PeerAddress,
  report: string,
  servers: readonly number[],
): Promise<Sample[]> {
  const consumed: ConsumerArgument = {
    address,
    batch: 1,
    report,
    measure: "latency",
  };
  const produced: ProducerArgument = {
    address,
    work: { kind: "rate", messagesPerSecond },
  };
  const consumer = stage.startScript(runtime, "peer_consumer", consumed, 0);
  if ((await consumer.nextLine()) !== "ready") await consumer.samples();
  const producer = stage.startScript(runtime, "peer_producer", produced, 1);
  const samples = await samplesWithCpu(
    consumer,
    [producer.pid, ...servers, consumer.pid],
    report,
  );
  await producer.kill();
  return samples;
}

async function measureZeromq(stage: Stage): Promise<Sample[]> {
  const argument = {
    socket: `${stage.temporaryDirectory()}/socket`,
    report: "peer.zeromq.at-rate",
    messagesPerSecond,
  };
  const start = (role: ZeromqArgument["role"], processor: number) =>
    stage.startNode("zeromq", { ...argument, role }, processor);
  const consumer = start("consumer", 0);
  if ((await consumer.nextLine()) !== "ready") await consumer.samples();
  const producer = start("producer", 1);
  const samples = await samplesWithCpu(
    consumer,
    [producer.pid, consumer.pid],
    argument.report,
  );
  await producer.kill();
  return samples;
}

export const latency: Bench = {
  name: "latency",
  about: `from before the send to after the receive at ${messagesPerSecond} messages a second, and what a message costs of the processors`,
  async run(stage, note) {
    const samples: Sample[] = [];
    const leaseMs = 30_000;
    for (const runtime of stage.runtimes) {
      const address: PeerAddress = {
        peer: "ringwire",
        address: "",
        name: `latency-${runtime}`,
        leaseMs,
      };
      samples.push(
        ...(await measure(stage, runtime, address, `${runtime}.at-rate`, [])),
      );
    }
    samples.push(
      ...(await withEachServer(stage, note, ({ peer }, server) =>
        measure(
          stage,
          "bun",
          { peer, address: server.address, name: "latency", leaseMs },
          `peer.${peer}.at-rate`,
          [server.program.pid],
        ),
      )),
    );
    const socket: PeerAddress = {
      peer: "unix-socket",
      address: `${stage.temporaryDirectory()}/socket`,
      name: "latency",
      leaseMs,
    };
    samples.push(
      ...(await measure(stage, "bun", socket, "peer.unix-socket.at-rate", [])),
    );
    // What is missing is said by the bench of peers without acknowledgements.
    if (missingFor(zeromq).length === 0)
      samples.push(...(await measureZeromq(stage)));
    samples.push(
      ...(await stage
        .startC("streams", ["rate", String(messagesPerSecond)])
        .samples()),
    );
    return samples;
  },
};

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import type { Bench } from "../bench.ts";
import {
  type Server,
  type ServedPeer,
  withEachServer,
} from "../peers/servers.ts";
import { bodyBytes } from "../peers/client.ts";
import type { ProducerArgument } from "../programs/peer_arguments.ts";
import type { Sample } from "../sample.ts";
import type { Stage } from "../stage.ts";

const waiting = 100_000;

/** Proportional share of what a process holds, in bytes. */
function memoryOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) * 1024;
}

function sample(name: string, bytes: number): Sample {
  return { name, value: bytes / waiting, unit: "bytes" };
}

/** What the server has more once the messages wait; its clients hold none of them. */
async function measure(
  stage: Stage,
  { peer }: ServedPeer,
  { program, address }: Server,
): Promise<Sample[]> {
  const argument: ProducerArgument = {
    address: { peer, address, name: "memory", leaseMs: 30_000 },
    work: { kind: "fill", messages: waiting },
  };
  const before = memoryOf(program.pid);
  const producer = stage.startScript("bun", "peer_producer", argument, 1);
  if ((await producer.nextLine()) !== "ready") await producer.samples();
  if ((await producer.nextLine()) !== "full") await producer.samples();
  const bytes = memoryOf(program.pid) - before;
  await producer.kill();
  return [sample(`memory.peer.${peer}.waiting-message`, bytes)];
}

/** Blocks of the segment that are allocated, as `stat` gives them; its size is only what could become of it. */
function measureRingwire(stage: Stage): Sample {
  const name = "peer-memory";
  using queue = CrossProcessQueue.create(name, {
    maxMessages: 131_072,
    maxMessageSize: 1024,
  });
  const bytes = (): number =>
    statSync(join(stage.directory, `ringwire.${queue.name}`)).blocks * 512;
  const before = bytes();
  const bodies = Array.from({ length: 1000 }, () => new Uint8Array(bodyBytes));
  for (let put = 0; put < waiting; put += bodies.length)
    if (queue.sendMany(bodies) !== bodies.length)
      throw new Error("the queue is full");
  const after = bytes();
  queue.destroy();
  return sample("memory.ringwire.waiting-message", after - before);
}

export const peerMemory: Bench = {
  name: "peer-memory",
  about: `memory for each of ${waiting.toLocaleString("en-US")} waiting messages of 64 bytes`,
  async run(stage, note) {
    return [
      measureRingwire(stage),
      ...(await withEachServer(stage, note, (peer, server) =>
        measure(stage, peer, server),
      )),
    ];
  },
};

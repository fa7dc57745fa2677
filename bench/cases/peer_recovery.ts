import process from "node:process";
import type { Bench } from "../bench.ts";
import {
  type Server,
  type ServedPeer,
  withEachServer,
} from "../peers/servers.ts";
import type {
  LeaseArgument,
  ProducerArgument,
} from "../programs/peer_arguments.ts";
import type { Sample } from "../sample.ts";
import type { Program, Stage } from "../stage.ts";

/** As many as in the bench of Ringwire's own recovery. */
const leases = 100;
const kills = 5;
/** The shortest at which a handler of some hundred milliseconds does not lose its messages while it still works on them. */
const leaseMs = 1000;
const killTimeoutMs = 30_000;

async function expectLine(program: Program, line: string): Promise<void> {
  const found = await program.nextLine();
  if (found === line) return;
  // Tells why it has ended.
  await program.samples();
  throw new Error(`expected ${line}, got ${found}`);
}

async function killOnce(
  stage: Stage,
  { peer }: ServedPeer,
  server: Server,
  kill: number,
): Promise<Sample> {
  const address = {
    peer,
    address: server.address,
    name: `recovery-${kill}`,
    leaseMs,
  };
  const argument: LeaseArgument = { address, leases };
  const filled: ProducerArgument = {
    address,
    work: { kind: "fill", messages: leases },
  };
  const start = (program: string, processor: number, given: unknown) =>
    stage.startScript("bun", program, given, processor, killTimeoutMs);
  const producer = start("peer_producer", 1, filled);
  await expectLine(producer, "ready");
  await expectLine(producer, "full");
  await producer.kill();
  const survivor = start("peer_survivor", 0, argument);
  await expectLine(survivor, "ready");
  const holder = start("peer_holder", 1, argument);
  await expectLine(holder, "ready");
  // From here on, the time in which the messages were leased runs.
  process.kill(survivor.pid, "SIGUSR2");
  await expectLine(survivor, "taking");
  const startMs = performance.now();
  await holder.kill();
  await expectLine(survivor, "all");
  const value = performance.now() - startMs;
  await survivor.kill();
  return { name: `peer.${peer}.recovery`, value, unit: "ms" };
}

export const peerRecovery: Bench = {
  name: "peer-recovery",
  about: `how long the peers take to deliver again what a killed consumer held, with leases of ${leaseMs} ms where they have to guess`,
  run: (stage, note) =>
    withEachServer(stage, note, async (peer, server) => {
      const samples: Sample[] = [];
      for (let kill = 0; kill < kills; kill++)
        samples.push(await killOnce(stage, peer, server, kill));
      return samples;
    }),
};

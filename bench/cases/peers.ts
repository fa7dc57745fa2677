import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import type { PeerArgument } from "../programs/peer_protocol.ts";
import type { Sample } from "../sample.ts";
import type { Program, Stage } from "../stage.ts";

interface Server {
  readonly name: PeerArgument["peer"];
  readonly command: string;
  /** Debian's. */
  readonly packageName: string;
  /** In memory only, as fast as they go. */
  args(directory: string, socket: string): string[];
}

const servers: readonly Server[] = [
  {
    name: "redis-streams",
    command: "redis-server",
    packageName: "redis-server",
    args: (directory, socket) => [
      "--port",
      "0",
      "--unixsocket",
      socket,
      "--save",
      "",
      "--appendonly",
      "no",
      "--dir",
      directory,
    ],
  },
  {
    name: "beanstalkd",
    command: "beanstalkd",
    packageName: "beanstalkd",
    args: (_directory, socket) => ["-l", `unix:${socket}`],
  },
];
const startMsMax = 5000;

async function startServer(
  stage: Stage,
  server: Server,
  command: string,
  socket: string,
  directory: string,
): Promise<Program> {
  const program = stage.start(
    [command, ...server.args(directory, socket)],
    undefined,
    120_000,
  );
  const untilMs = performance.now() + startMsMax;
  while (!existsSync(socket)) {
    if (performance.now() > untilMs)
      throw new Error(`${server.command} did not open ${socket}`);
    await Bun.sleep(20);
  }
  return program;
}

async function measure(
  stage: Stage,
  server: Server,
  command: string,
): Promise<Sample[]> {
  const directory = stage.temporaryDirectory();
  const socket = join(directory, "socket");
  const program = await startServer(stage, server, command, socket, directory);
  const samples: Sample[] = [];
  for (const batch of [1, 100]) {
    const report = `peer.${server.name}.${batch === 1 ? "jobs" : "job-batches"}`;
    const argument: PeerArgument = {
      peer: server.name,
      socket,
      batch,
      report,
      stream: `jobs-${batch}`,
    };
    const producer = stage.startScript("bun", "peer_producer", argument, 1);
    if ((await producer.nextLine()) !== "ready") await producer.samples();
    samples.push(
      ...(await stage
        .startScript("bun", "peer_consumer", argument, 0)
        .samples()),
    );
    await producer.kill();
  }
  await program.kill();
  return samples;
}

export const peers: Bench = {
  name: "peers",
  about: "Redis Streams and beanstalkd, each message acknowledged",
  async run(stage, note) {
    const samples: Sample[] = [];
    for (const server of servers) {
      const command = Bun.which(server.command);
      if (command === null)
        note(
          `${server.name}: not measured; install the package ${server.packageName}`,
        );
      else samples.push(...(await measure(stage, server, command)));
    }
    return samples;
  },
};

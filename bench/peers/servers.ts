/** The servers of the peers: how they are started, and what is set. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Program, Stage } from "../stage.ts";
import type { ServerPeer } from "./client.ts";

/** A peer that runs a server. */
export interface ServedPeer {
  readonly peer: ServerPeer;
  readonly command: string;
  /** Debian's. */
  readonly packageName: string;
  /** From `bench/peers/package.json`; none where requests are written by hand. */
  readonly clients: readonly string[];
  /** In memory only, as fast as they go. */
  args(directory: string): readonly string[];
  /** The unix socket's path or the port; undefined as long as it does not listen. */
  address(directory: string): string | undefined;
}

function socketIn(directory: string): string {
  return join(directory, "socket");
}

function socketAddress(directory: string): string | undefined {
  const socket = socketIn(directory);
  return existsSync(socket) ? socket : undefined;
}

const redis = {
  command: "redis-server",
  packageName: "redis-server",
  args: (directory: string) => [
    ...["--port", "0", "--unixsocket", socketIn(directory)],
    ...["--save", "", "--appendonly", "no", "--dir", directory],
  ],
  address: socketAddress,
} as const;

/** nats-server has no unix sockets; it takes a free port and writes down which. */
function natsPort(directory: string): string | undefined {
  const file = readdirSync(directory).find((name) => name.endsWith(".ports"));
  if (file === undefined) return undefined;
  const text = readFileSync(join(directory, file), "utf8");
  return /nats:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
}

/** With JetStream, which costs nothing where it is not used. */
export const natsServer: ServedPeer = {
  peer: "jetstream",
  command: "nats-server",
  packageName: "nats-server",
  clients: ["@nats-io/jetstream", "@nats-io/transport-node"],
  args: (directory) => [
    ...["--addr", "127.0.0.1", "--port", "-1"],
    ...["--ports_file_dir", directory, "--log", join(directory, "log")],
    ...["--jetstream", "--store_dir", directory],
  ],
  address: natsPort,
};

/** In the order of the page. */
export const servedPeers: readonly ServedPeer[] = [
  { peer: "redis-streams", clients: [], ...redis },
  { peer: "bullmq", clients: ["bullmq", "ioredis"], ...redis },
  {
    peer: "beanstalkd",
    command: "beanstalkd",
    packageName: "beanstalkd",
    clients: [],
    args: (directory) => ["-l", `unix:${socketIn(directory)}`],
    address: socketAddress,
  },
  natsServer,
];

/** ZeroMQ needs no server, but Node and its client. */
export const zeromq = {
  command: "node",
  packageName: "nodejs",
  clients: ["zeromq"],
} as const;

/** Debian puts some servers where only the superuser's PATH leads. */
function find(command: string): string | null {
  return Bun.which(command, { PATH: `${process.env.PATH}:/usr/sbin` });
}

const packages = join(import.meta.dirname, "node_modules");

/** What has to be installed before a peer can be measured; nothing when all is there. */
export function missingFor({
  command,
  packageName,
  clients,
}: Pick<ServedPeer, "command" | "packageName" | "clients">): string[] {
  return [
    ...(find(command) === null ? [`the Debian package ${packageName}`] : []),
    ...clients
      .filter((client) => !existsSync(join(packages, client, "package.json")))
      .map((client) => `the npm package ${client} in bench/peers`),
  ];
}

const startMsMax = 10_000;

/** A server that listens. */
export interface Server {
  readonly program: Program;
  readonly address: string;
}

/** A socket is there a moment before its server listens. */
async function accepts(address: string): Promise<boolean> {
  const socket = { data: () => {} };
  try {
    const connection = address.startsWith("/")
      ? await Bun.connect({ unix: address, socket })
      : await Bun.connect({
          hostname: "127.0.0.1",
          port: Number(address),
          socket,
        });
    connection.end();
    return true;
  } catch {
    return false;
  }
}

/** Starts a server in a directory of its own. The stage ends it when its time is up, whatever happens. */
export async function startServer(
  stage: Stage,
  peer: ServedPeer,
): Promise<Server> {
  const directory = stage.temporaryDirectory();
  const program = stage.start(
    [find(peer.command) ?? peer.command, ...peer.args(directory)],
    undefined,
    120_000,
  );
  const untilMs = performance.now() + startMsMax;
  for (;;) {
    const address = peer.address(directory);
    if (address !== undefined && (await accepts(address)))
      return { program, address };
    if (performance.now() > untilMs) {
      await program.kill();
      throw new Error(`${peer.command} does not listen`);
    }
    await Bun.sleep(20);
  }
}

/**
 * Runs `measure` with each peer's server, one after the other, and says which of them are missing. One that fails does not
 * keep the others from being measured.
 */
export async function withEachServer<Result>(
  stage: Stage,
  note: (text: string) => void,
  measure: (peer: ServedPeer, server: Server) => Promise<Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const peer of servedPeers) {
    const missing = missingFor(peer);
    if (missing.length > 0) {
      note(`${peer.peer}: not measured; install ${missing.join(" and ")}`);
      continue;
    }
    const server = await startServer(stage, peer);
    try {
      results.push(...(await measure(peer, server)));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      note(`${peer.peer}: failed: ${reason.split("\n")[0]}`);
      process.stderr.write(` ${peer.peer} failed: ${reason}\n`);
    } finally {
      await server.program.kill();
    }
  }
  return results;
}

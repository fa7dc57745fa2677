import { join } from "node:path";
import { TestAuthority } from "../../tests/support/test_certificates.ts";
import type { Bench } from "../bench.ts";
import { missingFor, natsServer, startServer } from "../peers/servers.ts";
import { type WirePeer, wirePeers } from "../peers/wire.ts";
import type {
  TransportArgument,
  TransportPlaces,
} from "../programs/transport_places.ts";
import type { WirePeerArgument } from "../programs/wire_peer_arguments.ts";
import { type Certificates, type Protocol, protocols } from "../raw/places.ts";
import type { Sample } from "../sample.ts";
import type { Program, Runtime, Stage } from "../stage.ts";

const node = { command: "node", packageName: "nodejs" } as const;

async function measure(
  stage: Stage,
  runtime: Runtime,
  protocol: Protocol,
  certificates: Certificates,
): Promise<readonly Sample[]> {
  const path = (kind: string): string =>
    join(stage.directory, `${runtime}-${kind}`);
  const argument: TransportArgument = {
    protocol,
    certificates,
    paths: { ringwire: path("ringwire"), raw: path("raw") },
    report: `${runtime}.transport.${protocol}`,
    limit: `limit.${runtime}.${protocol}`,
  };
  const server = stage.startScript(runtime, "transport", argument, 0);
  const line = await server.nextLine();
  if (line === undefined) return await server.samples();
  const places = JSON.parse(line) as TransportPlaces;
  const client = stage.startScript(
    runtime,
    "transport",
    { ...argument, places } satisfies TransportArgument,
    1,
  );
  try {
    return await client.samples();
  } finally {
    await server.kill();
  }
}

/** A peer between two programs of its own. */
async function measurePeer(
  stage: Stage,
  peer: WirePeer,
  broker: string,
): Promise<readonly Sample[]> {
  const start = (
    role: WirePeerArgument["role"],
    address: string,
    processor: number,
  ): Program => {
    const argument: WirePeerArgument = {
      peer,
      role,
      address,
      report: `peer.${peer}`,
    };
    return wirePeers[peer].runtime === "node"
      ? stage.startNode("wire_peer", argument, processor)
      : stage.startScript("bun", "wire_peer", argument, processor);
  };
  const server = start("server", broker, 0);
  const address = await server.nextLine();
  if (address === undefined) return await server.samples();
  try {
    return await start("client", address, 1).samples();
  } finally {
    await server.kill();
  }
}

async function startPeer(
  stage: Stage,
  peer: WirePeer,
): Promise<readonly Sample[]> {
  if (!wirePeers[peer].broker) return await measurePeer(stage, peer, "");
  const nats = await startServer(stage, natsServer);
  try {
    return await measurePeer(stage, peer, nats.address);
  } finally {
    await nats.program.kill();
  }
}

/** What keeps a peer from being measured. */
function missingOf(peer: WirePeer): string[] {
  const { runtime, clients, broker } = wirePeers[peer];
  const { command, packageName } = broker ? natsServer : node;
  if (runtime === "bun" && !broker) return [];
  return missingFor({ command, packageName, clients });
}

/** One that fails does not keep the others from being measured. */
async function attempt(
  name: string,
  note: (text: string) => void,
  work: () => Promise<readonly Sample[]>,
): Promise<readonly Sample[]> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    note(`${name}: failed: ${reason.split("\n")[0]}`);
    process.stderr.write(` ${name} failed: ${reason}\n`);
    return [];
  }
}

export const transport: Bench = {
  name: "transport",
  about:
    "one server and one client over each protocol, in turn with raw sockets coalesced by hand; ws, NATS, gRPC and HTTP beside them",
  async run(stage, note) {
    const samples: Sample[] = [];
    const authority = new TestAuthority();
    try {
      const issued = authority.issue("bench", "DNS:localhost,IP:127.0.0.1");
      const certificates = { ca: authority.ca, ...issued };
      for (const runtime of stage.runtimes)
        for (const protocol of protocols)
          samples.push(
            ...(await attempt(`transport, ${runtime}, ${protocol}`, note, () =>
              measure(stage, runtime, protocol, certificates),
            )),
          );
    } finally {
      authority.remove();
    }
    for (const peer of Object.keys(wirePeers) as WirePeer[]) {
      const missing = missingOf(peer);
      if (missing.length > 0)
        note(`${peer}: not measured; install ${missing.join(" and ")}`);
      else
        samples.push(
          ...(await attempt(peer, note, () => startPeer(stage, peer))),
        );
    }
    return samples;
  },
};

/** Takes from a peer, acknowledges, reports messages per second. Argument: PeerArgument. */
import process from "node:process";
import { openPeer } from "./peer_clients.ts";
import type { PeerArgument } from "./peer_protocol.ts";
import { report, roundsCounted } from "./rounds.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as PeerArgument;
const warmUpMs = 800;
const roundMs = 600;
const client = await openPeer(argument);
for (let round = -1; round < roundsCounted; round++) {
  const startMs = performance.now();
  const endMs = startMs + (round < 0 ? warmUpMs : roundMs);
  let taken = 0;
  while (performance.now() < endMs)
    taken += await client.takeAndAcknowledge(argument.batch);
  if (round >= 0)
    report(
      argument.report,
      taken / ((performance.now() - startMs) / 1000),
      "msg/s",
    );
}
process.exit(0);

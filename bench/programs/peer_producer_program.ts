/** Puts messages until it is killed, each of them accepted by the peer before the next turn. Argument: PeerArgument. */
import process from "node:process";
import { openPeer } from "./peer_clients.ts";
import type { PeerArgument } from "./peer_protocol.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as PeerArgument;
const client = await openPeer(argument);
console.log("ready");
for (;;) await client.put(argument.batch);

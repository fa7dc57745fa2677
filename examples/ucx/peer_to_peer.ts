/**
 * UCX, synchronous: three processes, each of which listens, connects and broadcasts. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/peer_to_peer.ts
 *     deno run -A examples/ucx/peer_to_peer.ts
 */
import { fileURLToPath } from "node:url";
import {
  ChildProcesses,
  type RunningProcess,
} from "../running/child_processes.ts";
import { findRuntimes } from "../running/runtimes.ts";

const program = fileURLToPath(new URL("peer_program.ts", import.meta.url));
const names = ["red", "green", "blue"];
const runtimes = findRuntimes();
const children = new ChildProcesses();

const peers: RunningProcess[] = [];
const addresses: string[] = [];
for (const [index, name] of names.entries()) {
  const runtime = runtimes[index % runtimes.length];
  const peer = children.start([
    ...(runtime?.command ?? []),
    program,
    name,
    String(names.length),
    // Each connects to those that were there before it.
    ...addresses,
  ]);
  addresses.push(await peer.line());
  peers.push(peer);
}
for (const peer of peers) console.log(await peer.line());
for (const peer of peers) await peer.exited;

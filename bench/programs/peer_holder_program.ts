/** Takes leases and holds them until it is killed. Argument: LeaseArgument. */
import process from "node:process";
import { openServed } from "../peers/open.ts";
import type { LeaseArgument } from "./peer_arguments.ts";

const { address, leases } = JSON.parse(
  process.argv[2] ?? "{}",
) as LeaseArgument;
const client = await openServed(address);
await client.hold(leases);
console.log("ready");
setInterval(() => {}, 1000);

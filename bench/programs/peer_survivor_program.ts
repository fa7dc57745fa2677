/** Connects, begins to take at SIGUSR2, and says when it has all that the holder held. Argument: LeaseArgument. */
import process from "node:process";
import { openServed } from "../peers/open.ts";
import type { LeaseArgument } from "./peer_arguments.ts";

const { address, leases } = JSON.parse(
  process.argv[2] ?? "{}",
) as LeaseArgument;
const client = await openServed(address);
let taken = 0;
process.once("SIGUSR2", () => {
  console.log("taking");
  void client.consume(leases, () => {
    if (++taken === leases) console.log("all");
  });
});
console.log("ready");
setInterval(() => {}, 1000);

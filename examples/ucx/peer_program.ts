/** One peer of peer_to_peer.ts. Arguments: its name, how many peers there are, and the addresses of those to connect to. */
import process from "node:process";
import { UcxWorker } from "ringwire";

const greetingTag = 100;
const [name = "peer", count = "2", ...addresses] = process.argv.slice(2);
const others = Number(count) - 1;

// Listens and connects at the same time: that is all there is to being a peer.
using worker = new UcxWorker({ name });
const listener = worker.createListener("127.0.0.1:0");
console.log(listener.address);
for (const address of addresses) worker.connect(address);
while (worker.getEndpointIds().length < others) worker.runProgressLoop(1);

const failed = [
  ...worker.broadcastTag(
    greetingTag,
    new TextEncoder().encode(`hello from ${name}`),
  ),
].filter(([, error]) => error !== undefined);
const heard: string[] = [];
const buffer = new Uint8Array(1024);
for (let index = 0; index < others; index++) {
  // Whoever comes first.
  const length = worker.receiveTag(undefined, greetingTag, buffer);
  heard.push(new TextDecoder().decode(buffer.subarray(0, length)));
}
console.log(
  `${name} sent to ${others - failed.length} and heard: ${heard.sort().join(", ")}`,
);

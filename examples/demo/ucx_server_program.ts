/** The server of ucx.ts. Arguments: how many messages come, and how many round trips after them. */
import process from "node:process";
import { UcxWorker } from "ringwire";

const [messages = 0, trips = 0] = process.argv.slice(2).map(Number);
const tags = { message: 1, trip: 2, total: 3 } as const;

using worker = new UcxWorker({ name: "demo server" });
const listener = worker.createListener("127.0.0.1:0");
console.log(listener.address);
while (worker.getEndpointIds().length === 0) worker.runProgressLoop(1);
const [endpoint = 0] = worker.getEndpointIds();

const buffer = new Uint8Array(1024);
let received = 0;
for (; received < messages; received++)
  worker.receiveTag(endpoint, tags.message, buffer);
worker.sendTag(endpoint, tags.total, new TextEncoder().encode(`${received}`));
for (let trip = 0; trip < trips; trip++) {
  const length = worker.receiveTag(endpoint, tags.trip, buffer);
  worker.sendTag(endpoint, tags.trip, buffer.subarray(0, length));
}
while (worker.isConnected(endpoint)) worker.runProgressLoop(1);

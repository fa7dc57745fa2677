/** The server of `iot_collection.ts`: stores batches of readings, and looks for alarms. */
import { RemoteError, TransportServer } from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";

const tooHot = 80;

/** What a device sends. */
interface Batch {
  readonly device: number;
  readonly readings: readonly { readonly celsius: number }[];
}

/** What is stored of a device; a real one would write to its database here, a batch at a time. */
const stored = new Map<number, { count: number; sum: number }>();
let batches = 0;
let alarms = 0;

function store({ device, readings }: Batch): void {
  const all = stored.get(device) ?? { count: 0, sum: 0 };
  stored.set(device, all);
  batches++;
  all.count += readings.length;
  for (const { celsius } of readings) {
    all.sum += celsius;
    if (celsius > tooHot) alarms++;
  }
}

await using server = await TransportServer.builder()
  .withProtocol("tcp://127.0.0.1:0")
  .withConnectionPoolSize(5000)
  .withDataCompression(true)
  .build();
server.onMessage((message) => store(message.json() as Batch));
server.onRequest((request) => {
  const { device } = request.json() as { device: number };
  const all = stored.get(device);
  if (all === undefined)
    throw new RemoteError("UnknownDevice", `nothing came from ${device}`);
  return { ...all };
});
const stop = stopSignal();
const stopped = new Promise((resolve) => {
  stop.addEventListener("abort", resolve);
});
console.log(server.addresses[0]);
await stopped;
const counts = [...stored.values()].map(({ count }) => count);
const readings = counts.reduce((sum, count) => sum + count, 0);
console.log(
  `${readings} readings of ${stored.size} devices in ${batches} batches, ${alarms} alarms`,
);

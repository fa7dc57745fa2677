/**
 * Devices send batches of readings over TCP, compressed; the server stores each batch at once and raises an alarm where a
 * value is too high. At the end each device asks what of its own has arrived. Runs in Bun and in Deno:
 *
 *     bun examples/transport/iot_collection.ts
 *     deno run -A examples/transport/iot_collection.ts
 */
import { TransportClient } from "ringwire";
import { check } from "../running/check.ts";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const deviceCount = 20;
const batchesOfEach = 10;
const readingsInBatch = 100;
const timeoutMs = 10_000;

/** Degrees, one device apart from the other; every hundredth reading of device 7 is too hot. */
function temperature(device: number, reading: number): number {
  if (device === 7 && reading % 100 === 50) return 90;
  return 20 + ((device * 31 + reading * 7) % 100) / 10;
}

/** Sends all batches, and gives what this side knows of them. */
async function runDevice(url: string, device: number) {
  await using client = await TransportClient.builder()
    .withProtocol(url)
    .withDataCompression(true)
    // What is measured while there is no network waits here, and is sent later.
    .withOfflineBuffer({ maxBytes: 1024 ** 2, maxAgeMs: 60_000 })
    .build();
  let sum = 0;
  for (let batch = 0; batch < batchesOfEach; batch++) {
    const readings = Array.from({ length: readingsInBatch }, (_, index) => {
      const reading = batch * readingsInBatch + index;
      const celsius = temperature(device, reading);
      sum += celsius;
      return { sensor: "temperature", reading, celsius };
    });
    await client.send({ device, readings }, { subject: "readings" });
  }
  // Messages and requests of one session keep their order: all batches are stored when this is answered.
  const answer = await client.request(
    { device },
    { subject: "sum", timeoutMs },
  );
  const stored = answer.json() as { count: number; sum: number };
  return {
    complete:
      stored.count === batchesOfEach * readingsInBatch &&
      Math.abs(stored.sum - sum) < 1e-6,
    bytes: client.statistics.bytesSent,
    onTheWire: client.session?.connection?.statistics.bytesSent ?? Number.NaN,
  };
}

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("iot_collection_program.ts", import.meta.url),
);
const url = await server.line();
const devices = await Promise.all(
  Array.from({ length: deviceCount }, (_, device) => runDevice(url, device)),
);
const complete = devices.filter((device) => device.complete).length;
const bytes = devices.reduce((sum, device) => sum + device.bytes, 0);
const onTheWire = devices.reduce((sum, device) => sum + device.onTheWire, 0);
console.log(`${complete} of ${deviceCount} devices: everything has arrived`);
const compressed = onTheWire > 0 && onTheWire < bytes / 3;
console.log(`compressed to less than a third: ${compressed}`);
server.kill("SIGTERM");
for (const line of (await server.output).trim().split("\n").slice(1))
  console.log(`the server: ${line}`);
console.log(`the server ended with ${await server.exited}`);
check("everything has arrived", complete === deviceCount);
check("it was compressed", compressed);
check("the server ends well", (await server.exited) === 0);

/**
 * One end of the synchronous UCX bench, with both ends polling: round trips of 8 bytes and 1 KiB, messages of 8 bytes
 * one way, and 1 MiB one way. Argument: UcxArgument.
 */
import process from "node:process";
import { UcxWorker } from "../../src/ucx/mod.ts";
import { report } from "./rounds.ts";
import {
  bulkBytes,
  bulkWindow,
  countsOf,
  longBytes,
  shortBytes,
  tags,
  transports,
  type UcxArgument,
  warmUp,
} from "./ucx_sizes.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as UcxArgument;
const { trips, messages, megabytes } = countsOf(argument.transport);
const worker = new UcxWorker({
  ucx: transports[argument.transport],
  timeoutMs: 20_000,
});
const buffer = new Uint8Array(new ArrayBuffer(shortBytes));
const block = new Uint8Array(new ArrayBuffer(longBytes));

function roundTrip(endpoint: number, tag: number, body: Uint8Array): void {
  worker.sendTag(endpoint, tag, body);
  worker.receiveTag(endpoint, tag, body);
}

/** Mean of all half round trips; and the middle one of some more, since looking at the clock takes time itself. */
function measureTrips(
  name: string,
  endpoint: number,
  tag: number,
  body: Uint8Array,
): void {
  for (let trip = 0; trip < warmUp; trip++) roundTrip(endpoint, tag, body);
  const startMs = performance.now();
  for (let trip = 0; trip < trips; trip++) roundTrip(endpoint, tag, body);
  const meanUs = ((performance.now() - startMs) / trips) * 500;
  report(`${argument.report}.${name}`, meanUs, "us");
  const took: number[] = [];
  for (let trip = 0; trip < warmUp; trip++) {
    const sentMs = performance.now();
    roundTrip(endpoint, tag, body);
    took.push((performance.now() - sentMs) * 500);
  }
  took.sort((first, second) => first - second);
  report(
    `${argument.report}.${name}.p50`,
    took[warmUp >> 1] ?? Number.NaN,
    "us",
  );
}

function echo(endpoint: number, tag: number, body: Uint8Array): void {
  for (let trip = 0; trip < warmUp + trips + warmUp; trip++) {
    worker.receiveTag(endpoint, tag, body);
    worker.sendTag(endpoint, tag, body);
  }
}

function sendBulk(endpoint: number): void {
  const bodies = Array.from(
    { length: bulkWindow },
    () => new Uint8Array(new ArrayBuffer(bulkBytes)),
  );
  const pending = bodies.map((body) =>
    worker.startSendTag(endpoint, tags.bulk, body),
  );
  for (let index = bulkWindow; index < megabytes; index++) {
    const slot = index % bulkWindow;
    pending[slot]?.wait();
    pending[slot] = worker.startSendTag(
      endpoint,
      tags.bulk,
      bodies[slot] ?? buffer,
    );
  }
  for (const request of pending) request.wait();
}

function receiveBulk(endpoint: number): void {
  const bodies = Array.from(
    { length: bulkWindow },
    () => new Uint8Array(new ArrayBuffer(bulkBytes)),
  );
  const pending = bodies.map((body) =>
    worker.startReceiveTag(endpoint, tags.bulk, body),
  );
  for (let index = 0; index < megabytes; index++) {
    const slot = index % bulkWindow;
    pending[slot]?.wait();
    if (index + bulkWindow < megabytes)
      pending[slot] = worker.startReceiveTag(
        endpoint,
        tags.bulk,
        bodies[slot] ?? buffer,
      );
  }
}

function serve(): void {
  const listener = worker.createListener("127.0.0.1:0");
  console.log(listener.address);
  while (worker.getEndpointIds().length < argument.endpoints) worker.progress();
  const [endpoint = 0] = worker.getEndpointIds();
  echo(endpoint, tags.short, buffer);
  echo(endpoint, tags.long, block);
  for (let index = 0; index < messages; index++)
    worker.receiveTag(undefined, tags.rate, buffer);
  worker.sendTag(endpoint, tags.done, buffer);
  receiveBulk(endpoint);
  worker.sendTag(endpoint, tags.done, buffer);
  while (worker.getEndpointIds().length > 0) worker.progress();
}

function measure(address: string): void {
  const ids = Array.from({ length: argument.endpoints }, () =>
    worker.connect(address),
  );
  const [endpoint = 0] = ids;
  measureTrips("lat-8", endpoint, tags.short, buffer);
  measureTrips("lat-1024", endpoint, tags.long, block);
  let startMs = performance.now();
  for (let index = 0; index < messages; index++)
    worker.sendTag(ids[index % ids.length] ?? endpoint, tags.rate, buffer);
  worker.receiveTag(endpoint, tags.done, buffer);
  report(
    `${argument.report}.rate-8`,
    messages / ((performance.now() - startMs) / 1000),
    "msg/s",
  );
  startMs = performance.now();
  sendBulk(endpoint);
  worker.receiveTag(endpoint, tags.done, buffer);
  report(
    `${argument.report}.bandwidth-1MiB`,
    (megabytes * bulkBytes) / 1e6 / ((performance.now() - startMs) / 1000),
    "MB/s",
  );
}

if (argument.role === "server") serve();
else measure(argument.address ?? "");
worker.close();

/**
 * One end of the synchronous UCX bench, with both ends polling: round trips of 8 bytes and 1 KiB, messages of 8 bytes
 * one way, and 1 MiB one way. Argument: UcxArgument.
 */
import process from "node:process";
import { type UcxEndpoint, UcxWorker } from "../../src/ucx/mod.ts";
import { report } from "./rounds.ts";
import {
  bulkBytes,
  bulkWindow,
  busyUs,
  countsOf,
  longBytes,
  shortBytes,
  tags,
  transports,
  type UcxArgument,
} from "./ucx_sizes.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as UcxArgument;
const { warmUp, trips, warmUpMessages, messages, megabytes } = countsOf(
  argument.transport,
);
const worker = new UcxWorker({
  ucx: transports[argument.transport],
  timeoutMs: 20_000,
  spinUs: busyUs,
});
const buffer = new Uint8Array(new ArrayBuffer(shortBytes));
const block = new Uint8Array(new ArrayBuffer(longBytes));

function roundTrip(endpoint: UcxEndpoint, tag: number, body: Uint8Array): void {
  endpoint.sendTag(tag, body);
  endpoint.receiveTag(tag, body);
}

/** Mean of all half round trips; and the middle one of some more, since looking at the clock takes time itself. */
function measureTrips(
  name: string,
  endpoint: UcxEndpoint,
  tag: number,
  body: Uint8Array,
): void {
  for (let trip = 0; trip < warmUp; trip++) roundTrip(endpoint, tag, body);
  const startMs = performance.now();
  for (let trip = 0; trip < trips; trip++) roundTrip(endpoint, tag, body);
  const meanUs = ((performance.now() - startMs) / trips) * 500;
  report(`${argument.report}.${name}`, meanUs, "us");
  const took: number[] = [];
  for (let trip = 0; trip < trips; trip++) {
    const sentMs = performance.now();
    roundTrip(endpoint, tag, body);
    took.push((performance.now() - sentMs) * 500);
  }
  took.sort((first, second) => first - second);
  report(
    `${argument.report}.${name}.p50`,
    took[trips >> 1] ?? Number.NaN,
    "us",
  );
}

function echo(endpoint: UcxEndpoint, tag: number, body: Uint8Array): void {
  for (let trip = 0; trip < warmUp + trips + trips; trip++) {
    endpoint.receiveTag(tag, body);
    endpoint.sendTag(tag, body);
  }
}

function sendBulk(endpoint: UcxEndpoint): void {
  const bodies = Array.from(
    { length: bulkWindow },
    () => new Uint8Array(new ArrayBuffer(bulkBytes)),
  );
  const pending = bodies.map((body) =>
    worker.startSendTag(endpoint.id, tags.bulk, body),
  );
  for (let index = bulkWindow; index < megabytes; index++) {
    const slot = index % bulkWindow;
    pending[slot]?.wait();
    pending[slot] = worker.startSendTag(
      endpoint.id,
      tags.bulk,
      bodies[slot] ?? buffer,
    );
  }
  for (const request of pending) request.wait();
}

function receiveBulk(endpoint: UcxEndpoint): void {
  const bodies = Array.from(
    { length: bulkWindow },
    () => new Uint8Array(new ArrayBuffer(bulkBytes)),
  );
  const pending = bodies.map((body) =>
    worker.startReceiveTag(endpoint.id, tags.bulk, body),
  );
  for (let index = 0; index < megabytes; index++) {
    const slot = index % bulkWindow;
    pending[slot]?.wait();
    if (index + bulkWindow < megabytes)
      pending[slot] = worker.startReceiveTag(
        endpoint.id,
        tags.bulk,
        bodies[slot] ?? buffer,
      );
  }
}

function serve(): void {
  const listener = worker.createListener("127.0.0.1:0");
  console.log(listener.address);
  while (worker.getEndpointIds().length < argument.endpoints) worker.progress();
  const [id = 0] = worker.getEndpointIds();
  const endpoint = worker.endpoint(id);
  echo(endpoint, tags.short, buffer);
  echo(endpoint, tags.long, block);
  for (const count of [warmUpMessages, messages]) {
    for (let index = 0; index < count; index++)
      if (argument.endpoints === 1) endpoint.receiveTag(tags.rate, buffer);
      else worker.receiveTag(undefined, tags.rate, buffer);
    endpoint.sendTag(tags.done, buffer);
  }
  receiveBulk(endpoint);
  endpoint.sendTag(tags.done, buffer);
  while (worker.getEndpointIds().length > 0) worker.progress();
}

function measure(address: string): void {
  const endpoints = Array.from({ length: argument.endpoints }, () =>
    worker.endpoint(worker.connect(address)),
  );
  const [endpoint] = endpoints;
  if (endpoint === undefined) throw new Error("no endpoint");
  measureTrips("lat-8", endpoint, tags.short, buffer);
  measureTrips("lat-1024", endpoint, tags.long, block);
  let startMs = 0;
  for (const count of [warmUpMessages, messages]) {
    startMs = performance.now();
    for (let index = 0; index < count; index++)
      endpoints[index % endpoints.length]?.sendTag(tags.rate, buffer);
    endpoint.receiveTag(tags.done, buffer);
  }
  report(
    `${argument.report}.rate-8`,
    messages / ((performance.now() - startMs) / 1000),
    "msg/s",
  );
  startMs = performance.now();
  sendBulk(endpoint);
  endpoint.receiveTag(tags.done, buffer);
  report(
    `${argument.report}.bandwidth-1MiB`,
    (megabytes * bulkBytes) / 1e6 / ((performance.now() - startMs) / 1000),
    "MB/s",
  );
}

if (argument.role === "server") serve();
else measure(argument.address ?? "");
worker.close();

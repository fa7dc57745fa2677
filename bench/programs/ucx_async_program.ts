/**
 * One end of the asynchronous UCX bench. Argument: UcxArgument and the mode of the progress. The client awaits each
 * call; after the round trips it pauses before each of some requests, so that the server sleeps when they come.
 */
import process from "node:process";
import { AsyncUcxManager } from "../../src/ucx/mod.ts";
import { report } from "./rounds.ts";
import {
  countsOf,
  shortBytes,
  tags,
  transports,
  type UcxArgument,
} from "./ucx_sizes.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as UcxArgument;
const { warmUp, trips } = countsOf(argument.transport);
const requestBytes = 64;
const requests = 300;
/** Before those that are counted, in a quicker succession: waking up takes ways that the round trips do not take. */
const requestsBefore = 1500;
/** Longer than the server pumps before it sleeps. */
const pauseMs = 3;
const pauseBeforeMs = 1;
const manager = new AsyncUcxManager({ ucx: transports[argument.transport] });

async function serve(): Promise<void> {
  const server = manager.createServer("127.0.0.1:0");
  await server.listen();
  console.log(server.address);
  let served = (): void => {};
  const done = new Promise<void>((resolve) => {
    served = resolve;
  });
  void server.start(async (client) => {
    for (let trip = -warmUp; trip < trips; trip++)
      await client.sendMessage(
        tags.short,
        await client.receiveMessage(tags.short, shortBytes),
      );
    for (let request = -requestsBefore; request < requests; request++)
      await client.sendMessage(
        tags.long,
        await client.receiveMessage(tags.long, requestBytes),
      );
    // It stays connected and asleep while its processor time is read.
    console.log("idle");
    await client.receiveMessage(tags.done, shortBytes);
    served();
  });
  await done;
  await manager.shutdown();
}

async function measure(address: string): Promise<void> {
  const client = manager.createClient();
  await client.connect(address);
  const body = new Uint8Array(shortBytes);
  let tookMs = 0;
  for (let trip = -warmUp; trip < trips; trip++) {
    const startMs = performance.now();
    await client.sendMessage(tags.short, body);
    await client.receiveMessage(tags.short, shortBytes);
    if (trip >= 0) tookMs += performance.now() - startMs;
  }
  report(`${argument.report}.await-lat-8`, (tookMs / trips) * 500, "us");
  const took: number[] = [];
  const request = new Uint8Array(requestBytes);
  for (let index = -requestsBefore; index < requests; index++) {
    await new Promise((resolve) =>
      setTimeout(resolve, index < 0 ? pauseBeforeMs : pauseMs),
    );
    const startMs = performance.now();
    await client.sendMessage(tags.long, request);
    await client.receiveMessage(tags.long, requestBytes);
    if (index >= 0) took.push((performance.now() - startMs) * 1000);
  }
  took.sort((a, b) => a - b);
  report(
    `${argument.report}.request-sleeping.p50`,
    took[requests >> 1] ?? Number.NaN,
    "us",
  );
  console.log("idle");
  await client.receiveMessage(tags.done, shortBytes);
}

if (argument.role === "server") await serve();
else await measure(argument.address ?? "");

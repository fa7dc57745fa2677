/**
 * One end of a peer of the transport. Argument: WirePeerArgument. A server prints where it listens, and serves until it
 * is killed.
 */
import process from "node:process";
import { wirePeerEnds } from "../peers/wire.ts";
import { medianOf } from "../sample.ts";
import { report } from "./rounds.ts";
import type { WirePeerArgument } from "./wire_peer_arguments.ts";
import {
  atRate,
  bodyOf,
  Faults,
  oneWay,
  pingPong,
  requests,
} from "./wire_measures.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as WirePeerArgument;
const rounds = 5;
const roundMs = 130;
const warmUpMs = 400;

async function measure(): Promise<void> {
  const ends = await wirePeerEnds(argument.peer);
  const client = await ends.connect(argument.address);
  const faults = new Faults();
  const small = bodyOf("64B");
  const { report: name } = argument;
  await pingPong(client, small, roundMs);
  await requests(client, small, warmUpMs, faults);
  for (let round = 0; round < rounds; round++) {
    const { p50, p99 } = await pingPong(client, small, roundMs);
    report(`${name}.ping-pong.p50`, p50, "us");
    report(`${name}.ping-pong.p99`, p99, "us");
  }
  const rates: number[] = [];
  for (const size of ["64B", "1KiB"] as const)
    for (let round = 0; round < rounds; round++) {
      const rate = await requests(client, bodyOf(size), roundMs, faults);
      if (size === "64B") rates.push(rate);
      report(`${name}.requests.${size}`, rate, "msg/s");
    }
  for (let round = 0; round < rounds; round++) {
    const half = medianOf(rates) / 2;
    const { p50, p99 } = await atRate(client, small, half, roundMs, faults);
    report(`${name}.half-load.p50`, p50, "us");
    report(`${name}.half-load.p99`, p99, "us");
  }
  if (client.trySend === undefined) return;
  await oneWay(client, small, warmUpMs, faults);
  for (const size of ["64B", "1KiB"] as const)
    for (let round = 0; round < rounds; round++)
      report(
        `${name}.one-way.${size}`,
        await oneWay(client, bodyOf(size), roundMs, faults),
        "msg/s",
      );
}

if (argument.role === "server")
  console.log(
    await (await wirePeerEnds(argument.peer)).serve(argument.address),
  );
else {
  await measure();
  process.exit(0);
}

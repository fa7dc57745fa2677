/**
 * One end of the benches of the transport: Ringwire, and in turn with it a raw socket of the same runtime. Argument:
 * TransportArgument. A server prints where it listens, and serves until it is killed.
 */
import process from "node:process";
import { rawSockets } from "../raw/sockets.ts";
import { medianOf } from "../sample.ts";
import { TransportClient, TransportServer } from "../../src/transport/mod.ts";
import { report } from "./rounds.ts";
import type { TransportArgument, TransportPlaces } from "./transport_places.ts";
import { type WireClient, WireServer } from "./wire_client.ts";
import {
  atRate,
  bodyOf,
  Faults,
  inFlight,
  oneWay,
  pingPong,
  requests,
  type sizes,
  type Spread,
} from "./wire_measures.ts";

const argument = JSON.parse(process.argv[2] ?? "{}") as TransportArgument;
const { protocol, certificates, paths } = argument;

/** Rounds of each; Ringwire's and the raw socket's alternate, since the machine is never the same for long. */
const rounds = 5;
const roundMs = 130;
/** Of sizes without a gate. */
const otherRounds = 3;
const warmUpMs = 400;

async function serve(): Promise<void> {
  const server = new WireServer();
  const listening = TransportServer.builder().withProtocol(
    protocol === "unix"
      ? `unix://${paths.ringwire}`
      : `${protocol}://127.0.0.1:0`,
  );
  if (protocol === "tls") listening.withTls(certificates);
  const transport = await listening.build();
  transport
    .onMessage(server.message)
    .onRequest((request) => server.answer(request.payload));
  const rawPort = await rawSockets().listen({
    protocol,
    certificates,
    path: paths.raw,
    port: 0,
  });
  const places: TransportPlaces = {
    url: transport.addresses[0] ?? "",
    rawPort,
  };
  console.log(JSON.stringify(places));
}

async function connect(url: string): Promise<WireClient> {
  const connecting = TransportClient.builder().withProtocol(url);
  if (protocol === "tls") connecting.withTls({ ca: certificates.ca });
  const client = await connecting.build();
  return {
    trySend: (body) => client.trySend(body),
    send: (body) => client.send(body),
    request: async (body) => (await client.request(body)).payload,
  };
}

async function measure({ url, rawPort }: TransportPlaces): Promise<void> {
  const ringwire = await connect(url);
  const raw = await rawSockets().connect({
    protocol,
    certificates,
    path: paths.raw,
    port: rawPort,
  });
  const faults = new Faults();
  const rawFaults = new Faults();
  const ends = [
    { end: raw, name: argument.limit, all: rawFaults },
    { end: ringwire, name: argument.report, all: faults },
  ] as const;
  const small = bodyOf("64B");

  const reportSpread = (name: string, { p50, p99 }: Spread): void => {
    report(`${name}.p50`, p50, "us");
    report(`${name}.p99`, p99, "us");
  };
  const reportOneWay = async (
    size: keyof typeof sizes,
    count: number,
  ): Promise<void> => {
    const body = bodyOf(size);
    for (let round = 0; round < count; round++)
      for (const { end, name, all } of ends) {
        const rate = await oneWay(end, body, roundMs, all);
        if (body.length < 65_536)
          report(`${name}.one-way.${size}`, rate, "msg/s");
        else
          report(`${name}.one-way.${size}`, (rate * body.length) / 1e6, "MB/s");
      }
  };

  for (const { end, all } of ends) {
    await pingPong(end, small, roundMs);
    await requests(end, small, warmUpMs, all);
    await oneWay(end, small, warmUpMs, all);
  }
  await raw.bareRequests(small, inFlight, warmUpMs / 2);
  for (let round = 0; round < rounds; round++)
    for (const { end, name } of ends)
      reportSpread(`${name}.ping-pong`, await pingPong(end, small, roundMs));
  await reportOneWay("64B", rounds);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const bare = await raw.bareRequests(small, inFlight, roundMs);
    report(`${argument.limit}.requests.64B`, bare, "msg/s");
    const rate = await requests(ringwire, small, roundMs, faults);
    rates.push(rate);
    report(`${argument.report}.requests.64B`, rate, "msg/s");
    const awaited = await requests(raw, small, roundMs, rawFaults);
    report(`${argument.limit}.awaited-requests.64B`, awaited, "msg/s");
  }
  for (let round = -1; round < rounds; round++)
    for (const { end, name, all } of ends) {
      const half = medianOf(rates) / 2;
      const spread = await atRate(end, small, half, roundMs, all);
      if (round >= 0) reportSpread(`${name}.half-load`, spread);
    }
  for (const size of ["1KiB", "64KiB", "1MiB"] as const)
    await reportOneWay(size, otherRounds);
  const long = bodyOf("1KiB");
  for (let round = 0; round < otherRounds; round++) {
    const bare = await raw.bareRequests(long, inFlight, roundMs);
    report(`${argument.limit}.requests.1KiB`, bare, "msg/s");
    const rate = await requests(ringwire, long, roundMs, faults);
    report(`${argument.report}.requests.1KiB`, rate, "msg/s");
  }
  report(`${argument.report}.errors`, faults.share, "%");
}

if (argument.places === undefined) await serve();
else {
  await measure(argument.places);
  process.exit(0);
}

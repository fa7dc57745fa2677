import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { cpuNs } from "../programs/clocks.ts";
import type { SocketArgument } from "../programs/socket_program.ts";
import {
  countsOf,
  type Transport,
  transports,
  type UcxArgument,
} from "../programs/ucx_sizes.ts";
import type { Sample } from "../sample.ts";
import type { Program, Runtime, Stage } from "../stage.ts";
import { runPerftest } from "../ucx_perftest.ts";

/** Of each, alternating, since the machine is never the same for long. */
const rounds = 5;
const endpointCounts = [4, 16, 64];
const manyEndpoints = 200;
/** Bun collects garbage every second until nothing has changed for 30 s. */
const settleMs = 35_000;
const idleWindowMs = 2000;
const idleWindows = 5;
const asyncTimeoutMs = 200_000;

type Pair = Pick<UcxArgument, "transport" | "report" | "endpoints">;

/** Starts both ends of a program; the client's samples. */
async function runPair(
  stage: Stage,
  runtime: Runtime,
  program: string,
  pair: Pair,
): Promise<Sample[]> {
  const server = stage.startScript(
    runtime,
    program,
    { ...pair, role: "server" } satisfies UcxArgument,
    0,
  );
  const address = (await server.nextLine()) ?? "";
  const client = stage.startScript(
    runtime,
    program,
    { ...pair, role: "client", address } satisfies UcxArgument,
    1,
  );
  const samples = await client.samples();
  await server.samples();
  return samples;
}

interface ConnectedPair {
  readonly samples: readonly Sample[];
  readonly server: Program;
  readonly client: Program;
}

/** The asynchronous level; at the end both sleep, connected. */
async function startAsync(
  stage: Stage,
  runtime: Runtime,
  transport: Transport,
): Promise<ConnectedPair> {
  const report = `${runtime}.ucx.${transport}`;
  const pair = { transport, report, endpoints: 1 };
  const server = stage.startScript(
    runtime,
    "ucx_async",
    { ...pair, role: "server" } satisfies UcxArgument,
    0,
    asyncTimeoutMs,
  );
  const address = (await server.nextLine()) ?? "";
  const client = stage.startScript(
    runtime,
    "ucx_async",
    { ...pair, role: "client", address } satisfies UcxArgument,
    1,
    asyncTimeoutMs,
  );
  const samples: Sample[] = [];
  for (;;) {
    const line = await client.nextLine();
    if (line === undefined) {
      await client.samples();
      throw new Error("the client ended early");
    }
    if (line === "idle") return { samples, server, client };
    samples.push(JSON.parse(line) as Sample);
  }
}

async function runAsync(
  stage: Stage,
  runtime: Runtime,
  transport: Transport,
): Promise<readonly Sample[]> {
  const { samples, server, client } = await startAsync(
    stage,
    runtime,
    transport,
  );
  await client.kill();
  await server.kill();
  return samples;
}

/** What connected processes use that have nothing to do. */
async function runIdle(
  stage: Stage,
  names: readonly Transport[],
): Promise<Sample[]> {
  const pairs: { readonly name: string; readonly pair: ConnectedPair }[] = [];
  for (const runtime of stage.runtimes)
    for (const transport of names)
      pairs.push({
        name: `${runtime}.ucx.${transport}.idle`,
        pair: await startAsync(stage, runtime, transport),
      });
  await Bun.sleep(settleMs);
  const samples: Sample[] = [];
  for (let window = 0; window < idleWindows; window++) {
    const before = pairs.map(({ pair }) => cpuNs(pair.server.pid));
    const startMs = performance.now();
    await Bun.sleep(idleWindowMs);
    const tookMs = performance.now() - startMs;
    for (const [index, { name, pair }] of pairs.entries()) {
      const used = cpuNs(pair.server.pid) - (before[index] ?? 0);
      samples.push({ name, value: (used / 1e6 / tookMs) * 100, unit: "%" });
    }
  }
  for (const { pair } of pairs) {
    await pair.client.kill();
    await pair.server.kill();
  }
  return samples;
}

/** libucp alone, doing the same. */
async function runLimits(
  stage: Stage,
  transport: Transport,
): Promise<readonly Sample[]> {
  return await stage
    .startC("ucx_limits", [transport, transports[transport].TLS])
    .samples();
}

async function runSockets(
  stage: Stage,
  kind: "tcp" | "unix",
): Promise<Sample[]> {
  const { trips, messages } = countsOf("tcp");
  const argument = {
    report: `baseline.bun-${kind}`,
    address: kind === "unix" ? join(stage.directory, "socket") : "",
    trips,
    messages,
  };
  const server = stage.startScript(
    "bun",
    "socket",
    { ...argument, role: "server" } satisfies SocketArgument,
    0,
  );
  const line = (await server.nextLine()) ?? "";
  const client = stage.startScript(
    "bun",
    "socket",
    {
      ...argument,
      role: "client",
      address: kind === "unix" ? argument.address : line,
    } satisfies SocketArgument,
    1,
  );
  const samples = await client.samples();
  await server.samples();
  return samples;
}

export const ucx: Bench = {
  name: "ucx",
  about:
    "UCX over shared memory and TCP against ucx_perftest: latency, rate, bandwidth; awaited, asleep, with many connections",
  async run(stage) {
    const samples: Sample[] = [];
    const names = Object.keys(transports) as Transport[];
    for (let round = 0; round < rounds; round++) {
      for (const transport of names) {
        samples.push(...(await runPerftest(stage, transport)));
        samples.push(...(await runLimits(stage, transport)));
        for (const runtime of stage.runtimes) {
          const report = `${runtime}.ucx.${transport}`;
          const pair = { transport, report, endpoints: 1 };
          samples.push(...(await runPair(stage, runtime, "ucx", pair)));
          samples.push(...(await runAsync(stage, runtime, transport)));
        }
      }
      for (const kind of ["tcp", "unix"] as const)
        samples.push(...(await runSockets(stage, kind)));
      for (const endpoints of endpointCounts) {
        const report = `bun.ucx.shm.endpoints-${endpoints}`;
        const pair = { transport: "shm", report, endpoints } as const;
        const all = await runPair(stage, "bun", "ucx", pair);
        samples.push(...all.filter(({ name }) => name.endsWith(".rate-8")));
      }
      for (const transport of names) {
        const report = `bun.ucx.${transport}.endpoint`;
        const pair = { transport, report, endpoints: manyEndpoints };
        samples.push(...(await runPair(stage, "bun", "ucx_endpoints", pair)));
      }
    }
    samples.push(...(await runIdle(stage, names)));
    return samples;
  },
};

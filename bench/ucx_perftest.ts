/** UCX's own benchmark, which the UCX benches are held against, and what it prints. */
import {
  bulkBytes,
  countsOf,
  longBytes,
  shortBytes,
  type Transport,
  transports,
} from "./programs/ucx_sizes.ts";
import type { Sample } from "./sample.ts";
import type { Stage } from "./stage.ts";

interface Test {
  readonly test: "tag_lat" | "tag_bw";
  readonly sizeBytes: number;
  readonly count: number;
  /** Over connections that report a peer's death, as ours always do: UCX moves long messages another way there. */
  readonly handlesErrors?: boolean;
  readonly figures: readonly {
    readonly name: string;
    readonly column: string;
    readonly unit: string;
    readonly factor: number;
  }[];
}

/** What src/ucx/configuration.ts sets for the same purpose. */
const errorHandlingKeys = [
  "UCX_MM_ERROR_HANDLING=y",
  "UCX_MAX_RNDV_LANES=1",
  "UCX_RNDV_SCHEME=get_zcopy",
  "UCX_WARN_UNUSED_ENV_VARS=n",
];

function testsOf(transport: Transport): Test[] {
  const { trips, messages, megabytes } = countsOf(transport);
  const latency = (name: string) => [
    { name, column: "overall_lat", unit: "us", factor: 1 },
    {
      name: `${name}.p50`,
      column: "50.0_percentile_lat",
      unit: "us",
      factor: 1,
    },
  ];
  return [
    {
      test: "tag_lat",
      sizeBytes: shortBytes,
      count: trips,
      figures: latency("lat-8"),
    },
    {
      test: "tag_lat",
      sizeBytes: longBytes,
      count: trips,
      figures: latency("lat-1024"),
    },
    {
      test: "tag_bw",
      sizeBytes: shortBytes,
      count: messages,
      figures: [
        { name: "rate-8", column: "overall_mr", unit: "msg/s", factor: 1 },
      ],
    },
    {
      test: "tag_bw",
      sizeBytes: bulkBytes,
      count: megabytes,
      figures: [
        {
          name: "bandwidth-1MiB",
          column: "overall_bw",
          unit: "MB/s",
          // It prints MiB.
          factor: bulkBytes / 1e6,
        },
      ],
    },
    {
      test: "tag_bw",
      sizeBytes: bulkBytes,
      count: megabytes,
      handlesErrors: true,
      figures: [
        {
          name: "handling-errors.bandwidth-1MiB",
          column: "overall_bw",
          unit: "MB/s",
          factor: bulkBytes / 1e6,
        },
      ],
    },
  ];
}

/** A port that was free a moment ago: the program takes a fixed one. */
function freePort(): number {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data() {} },
  });
  const { port } = server;
  server.stop(true);
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  const table = await Bun.file("/proc/net/tcp").text();
  return table.split("\n").some((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return `${local} `.endsWith(wanted) && state === "0A";
  });
}

/** One run of each test over a transport. */
export async function runPerftest(
  stage: Stage,
  transport: Transport,
): Promise<Sample[]> {
  const { TLS, NET_DEVICES } = transports[transport];
  const samples: Sample[] = [];
  for (const each of testsOf(transport)) {
    const { test, sizeBytes, count, handlesErrors, figures } = each;
    const port = freePort();
    const command = [
      "env",
      // Its two ends meet by a socket of their own, so shared memory needs no TCP beside it.
      `UCX_TLS=${transport === "shm" ? "posix,cma" : TLS}`,
      `UCX_NET_DEVICES=${NET_DEVICES}`,
      ...(handlesErrors === true ? errorHandlingKeys : []),
      "ucx_perftest",
      "-p",
      String(port),
    ];
    const server = stage.start(command, 0);
    for (let tries = 0; !(await isListening(port)); tries++) {
      if (tries > 500) throw new Error("ucx_perftest does not listen");
      await Bun.sleep(10);
    }
    const client = stage.start(
      [
        ...command,
        "127.0.0.1",
        "-t",
        test,
        "-s",
        String(sizeBytes),
        "-n",
        String(count),
        "-w",
        String(Math.min(countsOf(transport).warmUp, count)),
        "-f",
        "-v",
        ...(handlesErrors === true ? ["-e"] : []),
      ],
      1,
    );
    const headings = (await client.nextLine())?.split(",") ?? [];
    const values = (await client.nextLine())?.split(",") ?? [];
    await client.samples();
    await server.samples();
    for (const { name, column, unit, factor } of figures) {
      const value = Number(values[headings.indexOf(column)]);
      if (!Number.isFinite(value))
        throw new Error(
          `ucx_perftest printed ${headings.join(",")} / ${values.join(",")}`,
        );
      samples.push({
        name: `peer.ucx_perftest.${transport}.${name}`,
        value: value * factor,
        unit,
      });
    }
  }
  return samples;
}

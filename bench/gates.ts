/** What the queue is to reach on two virtual cores, and whether it did. */
import { bestPeer } from "./comparisons.ts";
import { ways } from "./programs/sizes.ts";
import { type Figure, isRate, ratioInTurn } from "./sample.ts";

type Figures = ReadonlyMap<string, Figure>;

/** One line of the table of gates. */
export interface Gate {
  readonly metric: string;
  readonly unit: string;
  /** At most for times and shares, at least for rates and multiples. */
  readonly gate: number;
  readonly stretch: number | null;
  readonly more: boolean;
  /** The measured value; undefined when it was not measured. */
  value(figures: Figures): number | undefined;
  /** What this machine can do at best, and the figure's share of it. */
  limit(
    figures: Figures,
  ):
    | { readonly name: string; readonly value: number; readonly unit: string }
    | undefined;
}

interface PlainGate {
  readonly metric: string;
  readonly figure: string;
  readonly unit: string;
  readonly gate: number;
  readonly stretch?: number;
  readonly limit?: string;
  /** Whether the slowest run has to meet it, because it is a promise and not a speed. */
  readonly always?: boolean;
}

function plain({
  metric,
  figure,
  unit,
  gate,
  stretch,
  limit,
  always,
}: PlainGate): Gate {
  return {
    metric,
    unit,
    gate,
    stretch: stretch ?? null,
    more: isRate(unit),
    value: (figures) =>
      always === true ? figures.get(figure)?.max : figures.get(figure)?.value,
    limit: (figures) => (limit === undefined ? undefined : figures.get(limit)),
  };
}

/** A figure as a multiple of another one. */
function multiple(
  metric: string,
  figure: string,
  of: (figures: Figures) => Figure | undefined,
  gate: number,
  stretch: number | null,
  more: boolean,
  limit?: string,
  ratio: (over: Figure, under: Figure) => number = (over, under) =>
    over.value / under.value,
): Gate {
  return {
    metric,
    unit: "×",
    gate,
    stretch,
    more,
    value(figures) {
      const [over, under] = [figures.get(figure), of(figures)];
      return over === undefined || under === undefined
        ? undefined
        : ratio(over, under);
    },
    limit(figures) {
      const [over, under] = [
        limit === undefined ? undefined : figures.get(limit),
        of(figures)?.value,
      ];
      return over === undefined || under === undefined
        ? undefined
        : { name: over.name, value: over.value / under, unit: "×" };
    },
  };
}

const wayNames = {
  copied: "copied",
  into: "copied into one buffer",
  "zero-copy": "zero-copy",
  reused: "zero-copy, buffers reused",
} as const;

function largeGates(): Gate[] {
  return ["64KiB", "1MiB", "64MiB"].flatMap((size) =>
    ways.map((way) => {
      const copied = way === "copied" || way === "into";
      return multiple(
        `Bun→Bun ${size} ${wayNames[way]}, against memcpy`,
        `bun.large.${way}.${size}`,
        (figures) => figures.get(`limit.memcpy.${size}`),
        copied ? 0.4 : 0.8,
        null,
        true,
        `limit.hand-over.${copied ? "copied" : "zero-copy"}.${size}`,
      );
    }),
  );
}

function idleGates(): Gate[] {
  return ["c", "bun", "deno"].flatMap((runtime) =>
    ["1k", "1M"].map((capacity) =>
      plain({
        metric: `idle consumer in ${runtime}, capacity ${capacity}`,
        figure: `${runtime}.idle.capacity-${capacity}`,
        unit: "%",
        gate: 0.05,
        stretch: 0.01,
        limit: `limit.${runtime}.idle-without-queue`,
      }),
    ),
  );
}

function recoveryGates(): Gate[] {
  return ["c", "bun", "deno"].flatMap((runtime) => [
    plain({
      metric: `redelivery after SIGKILL in ${runtime}, by sweep, slowest`,
      figure: `${runtime}.recovery.sweep`,
      unit: "ms",
      gate: 1100,
      always: true,
    }),
    plain({
      metric: `redelivery after SIGKILL in ${runtime}, with watch(), slowest`,
      figure: `${runtime}.recovery.watch`,
      unit: "ms",
      gate: 20,
      stretch: 5,
      always: true,
    }),
  ]);
}

/** Against `ucx_perftest` over the same transport in the same run. */
function ucxGates(): Gate[] {
  const against = (
    metric: string,
    figure: string,
    peer: string,
    gate: number,
    stretch: number | null = null,
  ) =>
    multiple(
      `UCX in Bun, ${metric}, against ucx_perftest`,
      `bun.ucx.${figure}`,
      (figures) => figures.get(`peer.ucx_perftest.${peer}`),
      gate,
      stretch,
      !peer.includes("lat"),
      undefined,
      ratioInTurn,
    );
  const alone = (metric: string, figure: string, unit: string, gate: number) =>
    plain({
      metric: `UCX in Bun, ${metric}`,
      figure: `bun.ucx.${figure}`,
      unit,
      gate,
    });
  return [
    against(
      "8 B half round trip, shared memory",
      "shm.lat-8",
      "shm.lat-8",
      1.1,
    ),
    against("8 B half round trip, TCP", "tcp.lat-8", "tcp.lat-8", 1.05),
    against(
      "the same awaited, shared memory",
      "shm.await-lat-8",
      "shm.lat-8",
      1.5,
    ),
    against("the same awaited, TCP", "tcp.await-lat-8", "tcp.lat-8", 1.5),
    against(
      "messages of 8 B, shared memory",
      "shm.rate-8",
      "shm.rate-8",
      0.65,
      0.8,
    ),
    against("messages of 8 B, TCP", "tcp.rate-8", "tcp.rate-8", 0.95),
    against(
      "1 MiB, shared memory",
      "shm.bandwidth-1MiB",
      "shm.bandwidth-1MiB",
      0.9,
    ),
    against("1 MiB, TCP", "tcp.bandwidth-1MiB", "tcp.bandwidth-1MiB", 0.97),
    alone(
      "request of 64 B to a sleeping server, shared memory",
      "shm.request-sleeping.p50",
      "us",
      60,
    ),
    alone(
      "request of 64 B to a sleeping server, TCP",
      "tcp.request-sleeping.p50",
      "us",
      100,
    ),
    alone("connected and asleep, shared memory", "shm.idle", "%", 0.1),
    alone("connected and asleep, TCP", "tcp.idle", "%", 0.1),
  ];
}

/**
 * Of the transport: over each protocol as shares of what a raw socket of the same runtime does in turn with it, and in
 * Bun what was asked for.
 */
function transportGates(): Gate[] {
  const protocols = ["tcp", "unix", "tls", "ws"];
  const shares = ["bun", "deno"].flatMap((runtime) =>
    protocols.flatMap((protocol) =>
      (
        [
          ["messages one way", "one-way", 0.8],
          ["256 requests in flight", "requests", 0.7],
        ] as const
      ).map(([metric, figure, gate]) =>
        multiple(
          `${protocol} in ${runtime}, ${metric}, 64 B, against a raw socket`,
          `${runtime}.transport.${protocol}.${figure}.64B`,
          (figures) =>
            figures.get(`limit.${runtime}.${protocol}.${figure}.64B`),
          gate,
          null,
          true,
          undefined,
          ratioInTurn,
        ),
      ),
    ),
  );
  const limited = (
    metric: string,
    figure: string,
    unit: string,
    gate: number,
    limit?: string,
  ): Gate =>
    plain({
      metric,
      figure: `bun.transport.${figure}`,
      unit,
      gate,
      ...(limit === undefined ? {} : { limit: `limit.bun.${limit}` }),
    });
  return [
    ...shares,
    limited(
      "tcp in bun, messages one way, 64 B",
      "tcp.one-way.64B",
      "msg/s",
      500_000,
      "tcp.one-way.64B",
    ),
    limited(
      "tcp in bun, requests at half load, p99",
      "tcp.half-load.p99",
      "us",
      100,
      "tcp.half-load.p99",
    ),
    limited(
      "ws in bun, requests at half load, p99",
      "ws.half-load.p99",
      "us",
      200,
      "ws.half-load.p99",
    ),
    ...protocols.map((protocol) =>
      limited(
        `${protocol} in bun, messages and requests that failed`,
        `${protocol}.errors`,
        "%",
        0.01,
      ),
    ),
  ];
}

/** In the order of the page. */
export const gates: readonly Gate[] = [
  plain({
    metric: "C, uncontended send+reserve+ack",
    figure: "c.uncontended.send+reserve+ack",
    unit: "ns",
    gate: 60,
    stretch: 45,
    limit: "limit.eight-locked-operations",
  }),
  plain({
    metric: "C, one producer, one consumer",
    figure: "c.1p1c.batch-1",
    unit: "msg/s",
    gate: 5e6,
    stretch: 9e6,
    limit: "limit.bare-ring.1p1c",
  }),
  plain({
    metric: "C, one producer, one consumer, batches of 32",
    figure: "c.1p1c.batch-32",
    unit: "msg/s",
    gate: 1e7,
    stretch: 2e7,
    limit: "limit.bare-ring.1p1c",
  }),
  plain({
    metric: "Bun→Bun one message a call: send; receive+ack",
    figure: "bun.messages",
    unit: "msg/s",
    gate: 4e6,
    stretch: 8e6,
    limit: "c.1p1c.batch-1",
  }),
  plain({
    metric: "Bun→Bun batches of 100",
    figure: "bun.message-batches",
    unit: "msg/s",
    gate: 8e6,
    stretch: 1.5e7,
    limit: "c.1p1c.batch-32",
  }),
  plain({
    metric: "Bun→Bun JSON jobs",
    figure: "bun.json-jobs",
    unit: "msg/s",
    gate: 5e5,
    stretch: 1e6,
    limit: "c.1p1c.batch-1",
  }),
  multiple(
    "jobs against the best at-least-once peer, one by one",
    "bun.jobs",
    (figures) => bestPeer(figures, "jobs"),
    20,
    50,
    true,
  ),
  multiple(
    "jobs against the best at-least-once peer, batches of 100",
    "bun.job-batches",
    (figures) => bestPeer(figures, "job-batches"),
    20,
    50,
    true,
  ),
  ...largeGates(),
  plain({
    metric: "C, one way, spinning, p50",
    figure: "c.one-way.spinning.p50",
    unit: "ns",
    gate: 300,
    stretch: 150,
    limit: "limit.bare-ring.one-way.p50",
  }),
  plain({
    metric: "C, one way, blocked, p50",
    figure: "c.one-way.blocked.p50",
    unit: "us",
    gate: 12,
    stretch: 6,
    limit: "limit.futex.one-way.p50",
  }),
  ...["bun", "deno"].map((runtime) =>
    multiple(
      `${runtime}: async receive() round trip, against a pipe in C`,
      `${runtime}.round-trip.p50`,
      (figures) => figures.get("limit.pipe.round-trip.p50"),
      2,
      1.6,
      false,
    ),
  ),
  ...idleGates(),
  ...recoveryGates(),
  ...ucxGates(),
  ...transportGates(),
];

/** Whether a value is good enough. */
export function meets(gate: Gate, value: number, target: number): boolean {
  return gate.more ? value >= target : value <= target;
}

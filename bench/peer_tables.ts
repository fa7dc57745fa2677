/** The page's tables of peers: every row beside Ringwire in the same run. */
import { showQuantity } from "./display.ts";
import { table } from "./markdown.ts";
import type { ServerPeer } from "./peers/client.ts";
import type { Figure } from "./sample.ts";

type Figures = ReadonlyMap<string, Figure>;

const missing = "not measured";

/** A figure with its unit. */
function shown(figures: Figures, name: string): string {
  const figure = figures.get(name);
  return figure === undefined
    ? missing
    : showQuantity(figure.value, figure.unit);
}

/** How many times more than `under`; for times and sizes, where less is better, how many times less. */
function times(figures: Figures, over: string, under: string): string {
  const [a, b] = [figures.get(over)?.value, figures.get(under)?.value];
  return a === undefined || b === undefined ? "" : showQuantity(a / b, "×");
}

interface Peer {
  readonly title: string;
  /** What its figures begin with. */
  readonly name: string;
}

interface ServedPeerRow extends Peer {
  readonly peer: ServerPeer;
  /** Version and client. */
  readonly client: string;
  readonly settings: string;
  readonly recovery: string;
}

const served: readonly ServedPeerRow[] = [
  {
    peer: "redis-streams",
    title: "Redis Streams",
    name: "peer.redis-streams",
    client: "raw requests in Bun, unix socket",
    settings:
      "no RDB, no AOF; XADD without trimming, XREADGROUP … BLOCK, one XACK a turn, confirmed, sent with the next XREADGROUP; 100 XADD in one write",
    recovery: "XAUTOCLAIM, min-idle 1 s, every 100 ms",
  },
  {
    peer: "bullmq",
    title: "BullMQ",
    name: "peer.bullmq",
    client: "bullmq with ioredis in Bun, unix socket",
    settings:
      "the same server; removeOnComplete, add or addBulk of 100, a worker with concurrency 1 or 100 (it takes no batches)",
    recovery: "lockDuration 1 s, stalledInterval 1 s",
  },
  {
    peer: "beanstalkd",
    title: "beanstalkd",
    name: "peer.beanstalkd",
    client: "raw requests in Bun, unix socket",
    settings:
      "no binlog; delete confirmed, sent with the next reserve; 100 put, reserve or delete in one write",
    recovery: "the connection's end (ttr 60 s does not matter)",
  },
  {
    peer: "jetstream",
    title: "NATS JetStream",
    name: "peer.jetstream",
    client:
      "@nats-io/jetstream in Bun, TCP on loopback (it has no unix sockets)",
    settings:
      "memory storage, work-queue retention, one replica, explicit ack; publish awaits its PubAck, 100 at a time in batches; consume() prefetches 1,000, ack() is not confirmed, max_ack_pending 2,000",
    recovery: "ack_wait 1 s",
  },
];

const streams: readonly (Peer & { readonly client: string })[] = [
  {
    title: "unix socket, Bun",
    name: "peer.unix-socket",
    client: "Bun.connect and Bun.listen, length before each message",
  },
  {
    title: "unix socket, C",
    name: "peer.unix-socket-c",
    client:
      "blocking write and read of up to 64 KiB, length before each message",
  },
  {
    title: "POSIX message queue, C",
    name: "peer.posix-mq-c",
    client: "blocking mq_send and mq_receive, 10 messages (the default limit)",
  },
  {
    title: "ZeroMQ PUSH/PULL, Node",
    name: "peer.zeromq",
    client:
      "zeromq over ipc, high-water marks 16,384; the client crashes in Bun",
  },
];

const ringwire: readonly Peer[] = [
  { title: "**Ringwire, Bun**", name: "bun" },
  { title: "**Ringwire, Deno**", name: "deno" },
];

function throughput(figures: Figures): string {
  return table([
    [
      "each message acknowledged",
      "one by one",
      "Ringwire in Bun",
      "100 at a time",
      "Ringwire in Bun",
    ],
    ...[...ringwire, ...served].map(({ title, name }) => [
      title,
      shown(figures, `${name}.jobs`),
      times(figures, "bun.jobs", `${name}.jobs`),
      shown(figures, `${name}.job-batches`),
      times(figures, "bun.job-batches", `${name}.job-batches`),
    ]),
  ]);
}

function unacknowledged(figures: Figures): string {
  return table([
    [
      "without acknowledgement",
      "one a call",
      "Ringwire in Bun",
      "100 a call",
      "Ringwire in Bun",
      "how",
    ],
    ...ringwire.map(({ title, name }) => [
      title,
      shown(figures, `${name}.messages`),
      times(figures, "bun.messages", `${name}.messages`),
      shown(figures, `${name}.message-batches`),
      times(figures, "bun.message-batches", `${name}.message-batches`),
      "leased, and acknowledged by the same call",
    ]),
    ...streams.map(({ title, name, client }) => {
      const hasBatches = name.startsWith("peer.unix-socket");
      return [
        title,
        shown(figures, `${name}.messages`),
        times(figures, "bun.messages", `${name}.messages`),
        hasBatches ? shown(figures, `${name}.message-batches`) : "none",
        hasBatches
          ? times(figures, "bun.message-batches", `${name}.message-batches`)
          : "",
        client,
      ];
    }),
  ]);
}

function latency(figures: Figures): string {
  return table([
    [
      "at 1,000 messages a second",
      "of at most, one by one",
      "p50",
      "against Ringwire",
      "p99",
      "processors a message",
      "against Ringwire",
      "one by one at full speed",
      "100 at a time",
    ],
    ...[...ringwire, ...served, ...streams].map(({ title, name }) => {
      const acknowledged =
        figures.has(`${name}.jobs.cpu`) ||
        served.some((row) => row.name === name);
      const [one, batch] = acknowledged
        ? ["jobs", "job-batches"]
        : ["messages", "message-batches"];
      return [
        title,
        shown(figures, `${name}.${one}`),
        shown(figures, `${name}.at-rate.p50`),
        times(figures, `${name}.at-rate.p50`, "bun.at-rate.p50"),
        shown(figures, `${name}.at-rate.p99`),
        shown(figures, `${name}.at-rate.cpu`),
        times(figures, `${name}.at-rate.cpu`, "bun.at-rate.cpu"),
        shown(figures, `${name}.${one}.cpu`),
        figures.has(`${name}.${one}.cpu`) &&
        !figures.has(`${name}.${batch}.cpu`)
          ? "none"
          : shown(figures, `${name}.${batch}.cpu`),
      ];
    }),
  ]);
}

function memoryAndRecovery(figures: Figures): string {
  const memory = "memory.ringwire.waiting-message";
  return table([
    [
      "100,000 messages wait; a consumer with 100 leases is killed",
      "memory a message",
      "against Ringwire",
      "delivered again after",
      "by",
    ],
    [
      "**Ringwire, Bun**",
      shown(figures, memory),
      "1×",
      shown(figures, "bun.recovery.watch"),
      "watch(); the lease of 30 s does not matter",
    ],
    [
      "**Ringwire, Bun**",
      "",
      "",
      shown(figures, "bun.recovery.sweep"),
      "the look for dead processes, once a second",
    ],
    ...served.map(({ title, name, peer, recovery }) => [
      title,
      shown(figures, `memory.peer.${peer}.waiting-message`),
      times(figures, `memory.peer.${peer}.waiting-message`, memory),
      shown(figures, `${name}.recovery`),
      recovery,
    ]),
  ]);
}

function handlers(figures: Figures): string {
  const rows: readonly (readonly [string, string])[] = [
    ["`work -- true`", "ringwire"],
    ["`xargs -n1 true`", "xargs"],
    ["`parallel true`", "parallel"],
    ["`work --exec true`", "ringwire-shell"],
    ["`xargs -n1 sh -c true`", "xargs-shell"],
    ["`work --batch 100 -- true`", "ringwire-batch"],
    ["`xargs -n100 true`", "xargs-batch"],
    ["`work --coproc -- cat`", "ringwire-coproc"],
  ];
  const atATime = ["p1", "p2", "p4"];
  const overhead = (name: string): string => {
    // A process that is shared is none of the least that a job needs.
    if (/batch|coproc/.test(name)) return "";
    const [all, least] = [
      figures.get(`handlers.${name}.p1`)?.value,
      figures.get("limit.spawn.p1")?.value,
    ];
    return all === undefined || least === undefined
      ? missing
      : showQuantity(1e6 / all - 1e6 / least, "us");
  };
  return table([
    [
      "jobs by processes",
      ...["1 at a time", "2 at a time", "4 at a time"],
      "above posix_spawn, a job, 1 at a time",
      "processors a job, 1 at a time",
    ],
    [
      "posix_spawn and wait, C",
      ...atATime.map((p) => shown(figures, `limit.spawn.${p}`)),
      "",
      "",
    ],
    ...rows.map(([title, name]) => [
      title,
      ...atATime.map((p) => shown(figures, `handlers.${name}.${p}`)),
      overhead(name),
      shown(figures, `handlers.${name}.p1.cpu`),
    ]),
  ]);
}

function settings(): string {
  return table([
    ["peer", "client", "settings"],
    ...served.map(({ title, client, settings }) => [title, client, settings]),
  ]);
}

/** Headings, tables and what has to be known to read them. */
export function peerParts(figures: Figures): string[] {
  return [
    "## Peers",
    "Medians of this run; ranges are in the table of all figures. A ratio is how many times as much Ringwire in Bun does, or how many times as much of the time, the processors or the memory the peer needs: above 1, Ringwire is better.",
    throughput(figures),
    unacknowledged(figures),
    "One after the other, a message that was sent when its time had come, whether the one before had arrived or not, from before the send to after the receive. What each carries at most, one by one, stands beside it. Processors: user and system time of producer, consumer and server together, timers of the producer included; at full speed, of the rates above.",
    latency(figures),
    "Memory is what the server holds more (Pss), for Ringwire the allocated blocks of its segment. The streams hold what the kernel lets them, and lose it with their reader.",
    memoryAndRecovery(figures),
    "300 jobs (3,000 where many share a process), from the runner's start to its end; the start of the executable takes as long as some 30 processes. `work` also hands each job its body on stdin, keeps its stdout until it has succeeded and the end of its stderr for a dead letter, ends it with the worker, and delivers the job again when either is killed.",
    handlers(figures),
    "How the peers were set:",
    settings(),
  ];
}

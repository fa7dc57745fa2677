/** The rows of README.md's table of measurements. */
import { bestPeer } from "./comparisons.ts";
import { showQuantity, showValue } from "./display.ts";
import type { Figure } from "./sample.ts";

type Figures = ReadonlyMap<string, Figure>;

const missing = "not measured";

function show(figures: Figures, ...names: readonly string[]): string {
  const found = names.map((name) => figures.get(name));
  return found
    .map((figure) =>
      figure === undefined ? missing : showQuantity(figure.value, figure.unit),
    )
    .join("; ");
}

function ratio(over: Figure | undefined, under: Figure | undefined): string {
  return over === undefined || under === undefined
    ? missing
    : showValue(over.value / under.value);
}

function slowest(figures: Figures, name: string): string {
  const figure = figures.get(name);
  return figure === undefined ? missing : showQuantity(figure.max, figure.unit);
}

/** A figure of each peer with a server; `*` in the name stands for the peer. */
function byPeer(
  figures: Figures,
  name: string,
  showOne: (figures: Figures, name: string) => string = show,
): string {
  return [
    ["Redis Streams", "redis-streams"],
    ["BullMQ", "bullmq"],
    ["beanstalkd", "beanstalkd"],
    ["JetStream", "jetstream"],
  ]
    .map(
      ([title, peer]) =>
        `${title} ${showOne(figures, name.replace("*", peer ?? ""))}`,
    )
    .join(", ");
}

/** What was measured, the figure, and what stood beside it in the same run. */
export function readmeRows(figures: Figures): string[][] {
  const pipe = figures.get("limit.pipe.round-trip.p50");
  return [
    ["what", "measured", "beside it, in the same run"],
    [
      "C: send, reserve, acknowledge in one process",
      show(figures, "c.uncontended.send+reserve+ack"),
      `${show(figures, "limit.eight-locked-operations")} for its eight locked instructions alone`,
    ],
    [
      "C to C, one message a call; batches of 32",
      show(figures, "c.1p1c.batch-1", "c.1p1c.batch-32"),
      "",
    ],
    [
      "Bun to Bun, one message a call; batches of 100",
      show(figures, "bun.messages", "bun.message-batches"),
      `a unix socket between two C programs, without acknowledgements: ${show(figures, "peer.unix-socket-c.messages", "peer.unix-socket-c.message-batches")}`,
    ],
    ["Bun to Bun, JSON jobs", show(figures, "bun.json-jobs"), ""],
    [
      "Bun to Bun, jobs one by one, each acknowledged",
      show(figures, "bun.jobs"),
      byPeer(figures, "peer.*.jobs"),
    ],
    [
      "The same, 100 at a time",
      show(figures, "bun.job-batches"),
      byPeer(figures, "peer.*.job-batches"),
    ],
    [
      "Times the best of these peers, one by one; 100 at a time",
      `${ratio(figures.get("bun.jobs"), bestPeer(figures, "jobs"))}; ${ratio(figures.get("bun.job-batches"), bestPeer(figures, "job-batches"))}`,
      "",
    ],
    [
      "From send to receive at 1,000 messages a second, p50",
      show(figures, "bun.at-rate.p50"),
      byPeer(figures, "peer.*.at-rate.p50"),
    ],
    [
      "Memory for a waiting message of 64 bytes",
      show(figures, "memory.ringwire.waiting-message"),
      byPeer(figures, "memory.peer.*.waiting-message"),
    ],
    [
      "Wake-up round trip with `await receive()`, Bun; Deno",
      `${ratio(figures.get("bun.round-trip.p50"), pipe)}; ${ratio(figures.get("deno.round-trip.p50"), pipe)} times a pipe between two C programs`,
      "",
    ],
    [
      "A killed consumer's jobs are delivered again, slowest, Bun",
      `${slowest(figures, "bun.recovery.watch")} with \`watch()\`, ${slowest(figures, "bun.recovery.sweep")} without`,
      byPeer(figures, "peer.*.recovery", slowest),
    ],
    [
      "`work -- true`, one at a time; four",
      show(figures, "handlers.ringwire.p1", "handlers.ringwire.p4"),
      `xargs ${show(figures, "handlers.xargs.p1", "handlers.xargs.p4")}, GNU parallel ${show(figures, "handlers.parallel.p1", "handlers.parallel.p4")}`,
    ],
  ];
}

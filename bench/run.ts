/**
 * Runs the benches, or the ones named, and prints what they measured.
 *
 *   bun bench/run.ts [--list] [-o json] [NAME...]
 *
 * A run of all of them also writes docs/performance.md and the table of README.md.
 */
import { parseArgs } from "node:util";
import type { Bench } from "./bench.ts";
import { handlers } from "./cases/handlers.ts";
import { idle } from "./cases/idle.ts";
import { large } from "./cases/large.ts";
import { latency } from "./cases/latency.ts";
import { limits } from "./cases/limits.ts";
import { messages } from "./cases/messages.ts";
import { opening } from "./cases/opening.ts";
import { peerMemory } from "./cases/peer_memory.ts";
import { peerRecovery } from "./cases/peer_recovery.ts";
import { peers } from "./cases/peers.ts";
import { recovery } from "./cases/recovery.ts";
import { ring } from "./cases/ring.ts";
import { transport } from "./cases/transport.ts";
import { ucx } from "./cases/ucx.ts";
import { unacknowledged } from "./cases/unacknowledged.ts";
import { wakeups } from "./cases/wakeups.ts";
import { compare } from "./comparisons.ts";
import { figureHeadings, figureRow, showTable } from "./display.ts";
import { gates } from "./gates.ts";
import { describeMachine } from "./machine.ts";
import { gateHeadings, gateRow, writePages } from "./page.ts";
import { figuresOf, type Sample } from "./sample.ts";
import { Stage } from "./stage.ts";

const benches: readonly Bench[] = [
  limits,
  ring,
  messages,
  large,
  wakeups,
  idle,
  recovery,
  opening,
  peers,
  unacknowledged,
  latency,
  peerMemory,
  peerRecovery,
  handlers,
  ucx,
  transport,
];

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: {
    output: { type: "string", short: "o", default: "table" },
    list: { type: "boolean", default: false },
  },
  allowPositionals: true,
});

function refuse(text: string): never {
  console.error(text);
  process.exit(2);
}

const unknown = positionals.filter(
  (name) => !benches.some((bench) => bench.name === name),
);
if (unknown.length > 0)
  refuse(
    `no bench is named ${unknown.join(", ")}; there are ${benches.map(({ name }) => name).join(", ")}`,
  );
if (values.output !== "table" && values.output !== "json")
  refuse(`-o ${values.output}: table or json`);
if (values.list) {
  for (const { name, about } of benches) {
    console.log(`${name.padEnd(15)} ${about}`);
  }
  process.exit(0);
}

const chosen =
  positionals.length === 0
    ? benches
    : benches.filter(
        (bench) => bench === limits || positionals.includes(bench.name),
      );
const machine = describeMachine();
const stage = new Stage();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => void stage.close().then(() => process.exit(130)));
}

const samples: Sample[] = [];
const notes: string[] = [];
/** Several benches may miss the same. */
function note(text: string): void {
  if (!notes.includes(text)) notes.push(text);
}
let failures = 0;
try {
  if (!stage.runtimes.includes("deno"))
    note("Deno: not measured; there is no deno in PATH");
  for (const bench of chosen) {
    const startMs = performance.now();
    process.stderr.write(`${bench.name}: ${bench.about} ...`);
    try {
      samples.push(...(await stage.startC("limits", ["distance"]).samples()));
      samples.push(...(await bench.run(stage, note)));
      process.stderr.write(
        ` ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`,
      );
    } catch (error) {
      failures++;
      const reason = error instanceof Error ? error.message : String(error);
      note(`${bench.name}: failed: ${reason.split("\n")[0]}`);
      process.stderr.write(` failed: ${reason}\n`);
    }
  }
} finally {
  await stage.close();
}

const figures = figuresOf(samples);
const distance = figures.get("limit.cache-line.one-way");
if (distance !== undefined && distance.max > 2 * distance.min) {
  note(
    `the processors were not always equally far from each other: a cache line took ${Math.round(distance.min)} to ${Math.round(distance.max)} ns, and what two processes do together varies as much`,
  );
}
const compared = compare(figures);
if (values.output === "json") {
  for (const { figure, peer, ratio } of compared) {
    console.log(
      JSON.stringify({
        name: figure.name,
        value: figure.value,
        unit: figure.unit,
        peer,
        ratio,
      }),
    );
  }
} else {
  console.log(`\n${showTable([figureHeadings, ...compared.map(figureRow)])}\n`);
  console.log(
    showTable([gateHeadings, ...gates.map((gate) => gateRow(gate, figures))]),
  );
}
for (const text of notes) console.error(`note: ${text}`);
if (chosen.length === benches.length && failures === 0)
  console.error(
    `wrote ${writePages({ machine, figures, compared, notes, pinned: stage.pinned }).join(" and ")}`,
  );
process.exit(failures === 0 ? 0 : 1);

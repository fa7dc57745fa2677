/**
 * A batch pipeline: a reader, two parsers, and a stage that sums, connected by small queues. A parser and the summing stage
 * are killed with SIGKILL in the middle; the result must be that of a direct computation.
 *
 *     bun examples/batch_pipeline/main.ts
 *     deno run -A examples/batch_pipeline/main.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CrossProcessQueue } from "ringwire";
import { killInTheMiddle } from "../running/kill_in_the_middle.ts";
import { type RunningProgram, runScenario } from "../running/scenario.ts";
import {
  addReadings,
  type Block,
  blockSchema,
  resultSchema,
  describeTotals,
  type Parsed,
  parseBlock,
  parsedSchema,
  type Totals,
} from "./readings.ts";

const blocksMin = 400;
const linesPerBlock = 50;
/** Far fewer than there are blocks: each stage waits for the next one. */
const maxMessages = 16;
const stations = ["Oslo", "Lagos", "Lima", "Pune", "Perth"];

function makeBlock(block: number): Block {
  const lines = Array.from({ length: linesPerBlock }, (_, index) => {
    const number = block * linesPerBlock + index;
    const celsius = ((number * 7919) % 700) / 10 - 20;
    return `${stations[number % stations.length]};${celsius.toFixed(1)}`;
  });
  return { block, lines };
}

/** The first stage: reads until there is enough and `done` says so. */
async function read(
  blocks: CrossProcessQueue<Block>,
  done: () => boolean,
): Promise<{ sent: number; waitedMs: number; direct: Totals }> {
  const direct: Totals = {};
  let sent = 0;
  let waitedMs = 0;
  while (sent < blocksMin || !done()) {
    const block = makeBlock(++sent);
    addReadings(direct, parseBlock(block));
    if (blocks.trySendValue(block)) continue;
    const beganMs = performance.now();
    await blocks.sendValueWait(block);
    waitedMs += performance.now() - beganMs;
  }
  blocks.end(); // What is in the queue is still worked on; then the parsers end, and with them the next stream.
  return { sent, waitedMs, direct };
}

await runScenario(
  `Batch pipeline: read, parse, sum; ${maxMessages} blocks of ${linesPerBlock} lines in each queue`,
  async (scenario) => {
    const blocks = scenario.createQueue<Block>("blocks", {
      schema: blockSchema,
      maxMessages,
      leaseMs: 10_000,
    });
    const parsed = scenario.createQueue<Parsed>("parsed", {
      schema: parsedSchema,
      maxMessages,
      leaseMs: 10_000,
    });
    const directory = mkdtempSync(join(tmpdir(), "ringwire-example-"));
    scenario.atEnd(() => rmSync(directory, { recursive: true }));
    const checkpoint = join(directory, "totals.json");
    const startParser = (name: string): RunningProgram =>
      scenario.start(
        new URL("./parse_program.ts", import.meta.url),
        ...[blocks.name, parsed.name, name],
      );
    const startSum = (): RunningProgram =>
      scenario.start(
        new URL("./sum_program.ts", import.meta.url),
        ...[parsed.name, checkpoint],
      );

    const [victim, other] = [startParser("one"), startParser("two")];
    const firstSum = startSum();
    let disturbed = false;
    const disturb = async () => {
      const heldByParser = await killInTheMiddle(blocks, victim);
      const parser = startParser("three");
      const heldBySum = await killInTheMiddle(parsed, firstSum);
      const sum = startSum();
      disturbed = true;
      return { heldByParser, heldBySum, parser, sum };
    };
    const [
      { sent, waitedMs, direct },
      { heldByParser, heldBySum, parser, sum },
    ] = await Promise.all([read(blocks, () => disturbed), disturb()]);

    const result = resultSchema.parse(JSON.parse(await sum.line()));
    scenario.report(
      "runtimes",
      `parsers ${victim.runtime}, ${other.runtime}, ${parser.runtime}; sum ${firstSum.runtime}, ${sum.runtime}`,
    );
    scenario.report("read", `${sent} blocks, ${sent * linesPerBlock} lines`);
    scenario.report("the reader waited", `${waitedMs.toFixed(0)} ms for room`);
    scenario.report(
      "killed",
      `a parser with ${heldByParser} blocks, the sum with ${heldBySum}`,
    );
    scenario.report(
      "parsed or summed twice",
      `${result.duplicates} blocks, counted once`,
    );
    for (const [stage, queue] of Object.entries({
      parse: blocks,
      sum: parsed,
    })) {
      const { counters, drops, usage } = queue.status();
      scenario.report(
        stage,
        `${counters.taken} deliveries for ${counters.acked} blocks`,
      );
      scenario.checkEqual(`${stage}: left`, usage + drops.dead, 0);
    }
    for (const program of [other, parser, sum])
      scenario.checkEqual("exit code of a stage", await program.exited, 0);
    scenario.checkEqual(
      "totals",
      describeTotals(result.totals),
      describeTotals(direct),
    );
    scenario.report("totals", "equal those of a direct computation");
  },
);

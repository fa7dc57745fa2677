/**
 * A real-time stream: one feed, a bounded queue for each of three readers. One keeps up, one is slow, one is stopped in the
 * middle (as a debugger or a frozen container would). The feed waits for none of them; what a reader misses is the
 * oldest, and is counted.
 *
 *     bun examples/market_data/main.ts
 *     deno run -A examples/market_data/main.ts
 */
import { sleep } from "../running/measured_times.ts";
import { runScenario, untilJoined } from "../running/scenario.ts";
import { feedSummarySchema, readerSummarySchema } from "./ticks.ts";

const ticks = 4000;
const ticksPerSecond = 4000;
/** What nobody has taken by then is of no interest any more. */
const ttlMs = 200;
/** Ticks that a reader may lag behind. */
const maxMessages = 256;

const readerKinds = [
  { name: "fast", workMs: 0 },
  { name: "slow", workMs: 5 },
  { name: "stopped", workMs: 0 },
];

await runScenario(
  `Market data: ${ticks} ticks at ${ticksPerSecond}/s to three readers, at most ${maxMessages} waiting for each`,
  async (scenario) => {
    const readers = readerKinds.map(({ name, workMs }) => {
      const queue = scenario.createQueue(name, {
        maxMessages,
        maxMessageSize: 256,
        maxHeadersSize: 0,
      });
      const program = new URL("./reader_program.ts", import.meta.url);
      const reader = scenario.start(program, queue.name, `${workMs}`);
      return { name, queue, reader };
    });
    for (const { queue, reader } of readers) await untilJoined(queue, reader);
    const stopped = readers[2]?.reader;
    if (stopped === undefined) throw new Error("there is no third reader");

    const feed = scenario.start(
      new URL("./feed_program.ts", import.meta.url),
      ...[`${ticks}`, `${ticksPerSecond}`, `${ttlMs}`],
      ...readers.map(({ queue }) => queue.name),
    );
    await stopped.line(); // It has its first tick,
    stopped.kill("SIGSTOP"); // and now it stands still until the feed has ended.
    const fed = feedSummarySchema.parse(JSON.parse(await feed.line()));
    const { messageCount, drops } = readers[2]?.queue.status() ?? {};
    scenario.report(
      "while one was stopped",
      `${drops?.oldest} of its ticks made room for newer ones, ${messageCount} were waiting`,
    );
    await sleep(ttlMs); // Nothing that waited for it is fresh any more.
    stopped.kill("SIGCONT");

    const rate = Math.round((fed.ticks / fed.elapsedMs) * 1000);
    scenario.report("feed", `${feed.runtime}, ${rate} ticks/s`);
    scenario.report("time to send to all three", fed.send);
    scenario.checkEqual("ticks sent", fed.ticks, ticks);
    for (const { name, queue, reader } of readers) {
      if (name !== "stopped") await reader.line(); // Its first tick.
      const seen = readerSummarySchema.parse(JSON.parse(await reader.line()));
      const { oldest, expired } = queue.status().drops;
      scenario.report(
        `${name}, ${reader.runtime}`,
        `${seen.received} received, ${oldest} dropped as the oldest, ${expired} expired`,
      );
      scenario.report("", `latency ${seen.latency}`);
      // Each tick was either received or dropped and counted, and the reader could tell how many it has missed.
      const accounted = seen.received + oldest + expired;
      scenario.checkEqual(`${name}: ticks accounted for`, accounted, ticks);
      const missed = seen.missed + (ticks - seen.lastSequence);
      scenario.checkEqual(`${name}: ticks missed`, missed, oldest + expired);
      scenario.checkEqual(`${name}: out of order`, seen.outOfOrder, 0);
      if (name === "stopped") {
        scenario.check("stopped: no drop was counted", oldest > 0);
        scenario.check("stopped: nothing expired", expired > 0);
      }
    }
  },
);

/**
 * A game server with a loop of 60 ticks a second. Players send their inputs through one queue, and each sees the newest
 * states through a small queue of its own. One is slow, one is killed and joins again.
 *
 *     bun examples/game_server/main.ts
 *     deno run -A examples/game_server/main.ts
 */
import { CrossProcessQueue } from "ringwire";
import {
  type RunningProgram,
  runScenario,
  untilJoined,
} from "../running/scenario.ts";
import {
  type Input,
  inputSchema,
  playerSummarySchema,
  serverSummarySchema,
  statesName,
} from "./protocol.ts";

const moves = 250;
const drawSlowlyMs = 100;

await runScenario(
  "Game server: 60 ticks a second, three players",
  async (scenario) => {
    const inputs = scenario.createQueue<Input>("inputs", {
      schema: inputSchema,
      maxMessages: 1024,
      maxMessageSize: 256,
      maxHeadersSize: 0,
    });
    const server = scenario.start(
      new URL("./server_program.ts", import.meta.url),
      inputs.name,
    );
    await untilJoined(inputs, server);
    const startPlayer = (name: string, count: number, drawMs: number) =>
      scenario.start(
        new URL("./player_program.ts", import.meta.url),
        ...[inputs.name, name, `${count}`, `${drawMs}`],
      );
    const ann = startPlayer("ann", moves, 0);
    const slow = startPlayer("slow", moves, drawSlowlyMs);
    const before = startPlayer("bob", 0, 0);
    scenario.report(
      "runtimes",
      `server ${server.runtime}, ann ${ann.runtime}, slow ${slow.runtime}, bob ${before.runtime}`,
    );
    await before.line(); // Bob sees the game,
    before.kill("SIGKILL"); // and is gone in the middle of it.
    await before.exited;
    const bob = startPlayer("bob", moves, 0);

    const readSummary = async (player: RunningProgram) => {
      await player.line(); // It sees the game.
      return playerSummarySchema.parse(JSON.parse(await player.line()));
    };
    const players = await Promise.all(
      Object.entries({ ann, slow, bob }).map(async ([name, player]) => ({
        name,
        ...(await readSummary(player)),
      })),
    );
    inputs.end(); // The server takes what is left, and ends.
    const ended = serverSummarySchema.parse(JSON.parse(await server.line()));

    scenario.report(
      "ticks",
      `${ended.ticks}, with ${ended.inputs} inputs; ${ended.leftOut} left out`,
    );
    scenario.report("a tick begins late by", ended.jitter);
    scenario.report("a tick's work", ended.work);
    for (const { name, age, ...seen } of players) {
      scenario.report(
        name,
        `${seen.moves} moves, ${seen.states} states seen, ${seen.skipped} skipped`,
      );
      scenario.report("", `age of a state when seen ${age}`);
    }
    scenario.report("joined, left", `${ended.joined}, ${ended.left}`);
    let { memoryBytes, segmentBytes } = inputs.status();
    for (const { name, moved } of players) {
      using states = CrossProcessQueue.connect(statesName(inputs.name, name), {
        observe: true,
      });
      const { counters, drops, messageCount, ...memory } = states.status();
      memoryBytes += memory.memoryBytes;
      segmentBytes += memory.segmentBytes;
      const { sent, acked } = counters;
      // Each state was seen, or made room for a newer one, or is still there; who was killed may have held one.
      const left = messageCount + memory.leased;
      const accounted = acked + drops.oldest + left;
      scenario.checkEqual(`states for ${name}`, accounted, sent);
      if (name !== "bob")
        scenario.checkEqual(
          `position of ${name}`,
          ended.positions[name],
          moved,
        );
    }
    scenario.report(
      "memory of all queues",
      `${memoryBytes / 1024} KiB, never more than ${segmentBytes / 1024} KiB`,
    );
    scenario.checkEqual("inputs out of order", ended.outOfOrder, 0);
    scenario.checkEqual("joins", ended.joined, 4);
  },
);

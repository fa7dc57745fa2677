/**
 * A game over WebSocket: rooms of players, and what happens in one is broadcast to it. Two players have a client, a third
 * one is a page that speaks JSON through the WebSocket of its browser. Runs in Bun and in Deno:
 *
 *     bun examples/transport/game_room.ts
 *     deno run -A examples/transport/game_room.ts
 */
import { RemoteError, TransportClient } from "ringwire";
import { check } from "../running/check.ts";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const moves = 100;
const timeoutMs = 10_000;

/** What the server tells a room. */
interface GameState {
  readonly turn: number;
  readonly positions: Readonly<Record<string, number>>;
}

/** Counts states until the one in which a room's players have made all their moves. */
class Watcher {
  states = 0;
  inOrder = true;
  last: GameState = { turn: 0, positions: {} };

  see(state: GameState): void {
    this.states++;
    this.inOrder &&= state.turn > this.last.turn;
    this.last = state;
  }
}

async function enter(url: string, name: string, room: string) {
  const client = await TransportClient.builder().withProtocol(url).build();
  // Before it joins: what comes from then on is for the one who asks for messages.
  const messages = client.messages();
  await client.request({ name, room }, { subject: "join", timeoutMs });
  const watcher = new Watcher();
  const watch = async (turns: number): Promise<Watcher> => {
    while (watcher.last.turn < turns) {
      const { value, done } = await messages.next();
      if (done === true) throw new Error(`${name} was thrown out`);
      watcher.see(value.json() as GameState);
    }
    return watcher;
  };
  return { name, client, watch };
}

/** Each message of text is a JSON object; nothing of Ringwire is needed. */
async function enterAsPage(url: string, name: string, room: string) {
  const socket = new WebSocket(url);
  const watcher = new Watcher();
  const joined = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  socket.onopen = () => {
    const join = { type: "request", id: 1, subject: "join" };
    socket.send(JSON.stringify({ ...join, data: { name, room } }));
  };
  socket.onclose = () => finished.reject(new Error(`${name} was thrown out`));
  finished.promise.catch(() => undefined);
  let turns = Number.POSITIVE_INFINITY;
  const look = (): void => {
    if (watcher.last.turn >= turns) finished.resolve();
  };
  socket.onmessage = ({ data }: MessageEvent<string>) => {
    const message = JSON.parse(data) as { type: string; data: GameState };
    if (message.type === "response") joined.resolve();
    if (message.type !== "message") return;
    watcher.see(message.data);
    look();
  };
  await Promise.race([joined.promise, finished.promise]);
  return {
    watch: async (last: number): Promise<Watcher> => {
      turns = last;
      look();
      await finished.promise;
      return watcher;
    },
    leave: () => socket.close(),
  };
}

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("game_room_program.ts", import.meta.url),
);
const url = await server.line();
const ann = await enter(url, "ann", "castle");
const bob = await enter(url, "bob", "castle");
const eve = await enter(url, "eve", "forest");
const page = await enterAsPage(url, "page", "castle");

for (let move = 0; move < moves; move++)
  for (const { client } of [ann, bob])
    await client.send({ steps: 1 }, { subject: "move" });
await eve.client.send({ steps: 5 }, { subject: "move" });

const seen = {
  ann: await ann.watch(2 * moves),
  bob: await bob.watch(2 * moves),
  page: await page.watch(2 * moves),
  eve: await eve.watch(1),
};
for (const [name, { states, inOrder, last }] of Object.entries(seen)) {
  console.log(
    `${name}: ${states} states, in order: ${inOrder}, the last: ${JSON.stringify(last.positions)}`,
  );
  check(`${name} sees every turn once`, inOrder && states === last.turn);
}
check("everybody has moved", seen.page.last.positions.bob === moves);
try {
  await bob.client.request({}, { subject: "fly", timeoutMs });
} catch (error) {
  if (!(error instanceof RemoteError)) throw error;
  console.log(`to fly: ${error.code}`);
}
page.leave();
for (const { client } of [ann, bob, eve]) await client.close();
server.kill("SIGTERM");
for (const line of (await server.output).trim().split("\n").slice(1))
  console.log(`the server: ${line}`);
console.log(`the server ended with ${await server.exited}`);
check("the server ends well", (await server.exited) === 0);

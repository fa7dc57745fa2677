/** The server of `game_room.ts`: a room for each game, and whoever is in it sees every move. */
import {
  type IncomingMessage,
  RemoteError,
  type Session,
  TransportServer,
} from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";

/** A game, by the name of its room. */
interface Game {
  turn: number;
  readonly positions: Record<string, number>;
}

const games = new Map<string, Game>();

function join(request: IncomingMessage, session: Session): string {
  const { name, room } = request.json() as { name: string; room: string };
  session.metadata.set("name", name);
  server.join(session.id, room);
  const game = games.get(room) ?? { turn: 0, positions: {} };
  games.set(room, game);
  game.positions[name] = 0;
  return room;
}

function move(message: IncomingMessage, session: Session): void {
  const { steps } = message.json() as { steps: number };
  const name = String(session.metadata.get("name"));
  for (const room of server.roomsOf(session.id)) {
    const game = games.get(room);
    if (game === undefined) continue;
    game.turn++;
    game.positions[name] = (game.positions[name] ?? 0) + steps;
    // Encoded once for all of them; who does not keep up is left out, and counted.
    server.broadcast({ ...game }, { room });
  }
}

await using server = await TransportServer.builder()
  .withProtocol("ws://127.0.0.1:0")
  .withMaxConnections(1000)
  .build();
server.onMessage((message, session) => {
  if (message.headers.subject === "move") move(message, session);
});
server.onRequest((request, session) => {
  const { subject } = request.headers;
  if (subject === "join") return join(request, session);
  throw new RemoteError("UnknownMove", `nobody can ${subject}`);
});
const stop = stopSignal();
const stopped = new Promise((resolve) => {
  stop.addEventListener("abort", resolve);
});
console.log(server.addresses[0]);
await stopped;
const { broadcasts, dropped, sessionsBegun } = server.statistics;
console.log(
  `${sessionsBegun} players, ${broadcasts} broadcasts, ${dropped} dropped`,
);

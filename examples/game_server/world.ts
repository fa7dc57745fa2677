/** The rules of the game, and who takes part. It knows queues only to publish its state. */
import { CrossProcessQueue, Message, QueueClosedError } from "ringwire";
import { nowMs } from "../running/measured_times.ts";
import { type Input, type State, statesName } from "./protocol.ts";

interface Seat {
  readonly session: number;
  readonly states: CrossProcessQueue;
  /** Of its last move. */
  sequence: number;
}

/** Positions outlive the connection of their player; seats do not. */
export class World {
  readonly #inputsName: string;
  readonly #seats = new Map<string, Seat>();
  readonly positions: Record<string, number> = {};
  outOfOrder = 0;
  joined = 0;
  left = 0;

  constructor(inputsName: string) {
    this.#inputsName = inputsName;
  }

  apply(input: Input): void {
    const { player, session } = input;
    if (input.kind === "join") {
      this.#leave(player); // Killed and back before anybody has noticed.
      const states = CrossProcessQueue.connect(
        statesName(this.#inputsName, player),
        { participantName: "server" },
      );
      this.#seats.set(player, { session, states, sequence: 0 });
      this.positions[player] ??= 0;
      this.joined++;
      return;
    }
    this.positions[player] = (this.positions[player] ?? 0) + input.dx;
    const seat = this.#seats.get(player);
    // Sent before it was killed: it counts, but has no place in the new order.
    if (seat?.session !== session) return;
    if (input.sequence !== seat.sequence + 1) this.outOfOrder++;
    seat.sequence = input.sequence;
  }

  /** The newest state to everybody. Never waits: who does not look loses the older ones. */
  publish(tick: number): void {
    const state: State = { tick, atMs: nowMs(), positions: this.positions };
    const message = Message.json(state);
    for (const [player, { states }] of this.#seats) {
      try {
        states.send(message, { onFull: "drop-oldest" });
      } catch (error) {
        if (!(error instanceof QueueClosedError)) throw error;
        this.#leave(player); // It took its queue with it.
      }
    }
  }

  /** Players that died: the server is alone in their queue. No heartbeats are needed, the kernel knows. */
  removeDead(): void {
    for (const [player, { states }] of this.#seats)
      if (states.status().participants.length === 1) this.#leave(player);
  }

  #leave(player: string): void {
    const seat = this.#seats.get(player);
    if (seat === undefined) return;
    seat.states.close();
    this.#seats.delete(player);
    this.left++;
  }

  [Symbol.dispose](): void {
    for (const player of [...this.#seats.keys()]) this.#leave(player);
  }
}

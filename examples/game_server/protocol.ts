/** What players and the game server tell each other. */
import { z } from "zod";

/** From a player. The session tells apart what it sent before it was killed and after. */
export const inputSchema = z.discriminatedUnion("kind", [
  /** The player has made its queue of states, and is ready. */
  z.object({ kind: z.literal("join"), player: z.string(), session: z.int() }),
  z.object({
    kind: z.literal("move"),
    player: z.string(),
    session: z.int(),
    /** Counts the moves since the player has joined. */
    sequence: z.int().positive(),
    dx: z.int().min(-1).max(1),
  }),
]);
export type Input = z.infer<typeof inputSchema>;

/** The world at one tick, as every player sees it. */
export const stateSchema = z.object({
  tick: z.int().nonnegative(),
  /** When it was made: wall clock in milliseconds, with a fraction. */
  atMs: z.number(),
  positions: z.record(z.string(), z.int()),
});
export type State = z.infer<typeof stateSchema>;

/** What a player prints at its end. */
export const playerSummarySchema = z.object({
  moves: z.int(),
  /** Sum of all its `dx`. */
  moved: z.int(),
  states: z.int(),
  /** States that were overwritten before it looked. */
  skipped: z.int(),
  age: z.string(),
});

/** What the server prints at its end. */
export const serverSummarySchema = z.object({
  ticks: z.int(),
  /** Ticks that did not take place because an earlier one took too long. */
  leftOut: z.int(),
  inputs: z.int(),
  /** Inputs that were not the next one of their player. */
  outOfOrder: z.int(),
  joined: z.int(),
  left: z.int(),
  positions: z.record(z.string(), z.int()),
  jitter: z.string(),
  /** How long a tick's work took. */
  work: z.string(),
});

/** The queue of states of a player. */
export function statesName(inputsName: string, player: string): string {
  return `${inputsName}-states-${player}`;
}

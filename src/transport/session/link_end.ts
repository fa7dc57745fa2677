/** How a connection of a session ended. */
import type { Goodbye } from "../../wire/control_bodies.ts";

/** How a link ended. */
export interface LinkEnd {
  readonly code: number;
  readonly reason: string;
  readonly by: "us" | "peer" | "lost";
  readonly error: Error | undefined;
  /** What the peer said, when it said goodbye. */
  readonly goodbye: Goodbye | undefined;
}

/** A connection that went without a word; WebSocket's number for the same. */
export const lostCode = 1006;

/** WebSocket's reasons are at most 123 bytes long. */
export function shortReason(reason: string): string {
  return reason.replace(/[^\x20-\x7e]/g, "?").slice(0, 123);
}

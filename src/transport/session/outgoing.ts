/** A message on its way out. */
import type { FragmentWriter } from "../../wire/fragments.ts";
import { FramePriority } from "../../wire/kinds.ts";
import { WheelEntry } from "./timer_wheel.ts";

/** What a message counts for in the bounds of queues besides its bytes. */
export const outgoingOverheadBytes = 64;

const nothing = new Uint8Array(0);

/** A message that waits, is being sent in fragments, or is kept until the peer has accepted it. */
export class Outgoing extends WheelEntry {
  kind = 0;
  /** `FrameFlag.Compressed` or 0. */
  flags = 0;
  priority: number = FramePriority.Normal;
  id = 0;
  tagHigh = 0;
  tagLow = 0;
  headers: Uint8Array | undefined = undefined;
  payload: Uint8Array = nothing;
  /** What compression has taken off the payload. */
  savedBytes = 0;
  /** 0 until its first frame is written. */
  sequence = 0;
  /** When it is sent in fragments. */
  writer: FragmentWriter | undefined = undefined;
  /** When it went into the replay buffer, on the session's clock. */
  keptAtMs = 0;
  /** Whether its payload is memory of its own. */
  isOwn = false;
  /** It is not to be sent any more. */
  isGone = false;
  /** Called once: without an error when all of it was taken under the peer's credit, else with why it never will be. */
  settle: ((error?: unknown) => void) | undefined = undefined;
  /** Called at its deadline. */
  onExpired: (() => void) | undefined = undefined;

  /** What it counts for in the bounds of queues. */
  get sizeBytes(): number {
    return (
      this.payload.length + (this.headers?.length ?? 0) + outgoingOverheadBytes
    );
  }

  override expired(): void {
    this.onExpired?.();
  }
}

/** Makes the payload memory of the message's own. */
export function ownPayload(outgoing: Outgoing): void {
  if (outgoing.isOwn || outgoing.writer !== undefined) return;
  outgoing.payload = outgoing.payload.slice();
  outgoing.isOwn = true;
}

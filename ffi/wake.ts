/**
 * How an event loop sleeps on a native descriptor: one interface, two runtimes.
 *
 * A datagram socket becomes readable when another process wants this one to look again. Bun can watch such a descriptor
 * itself; Deno cannot, so there a thread of the runtime polls it.
 */
import { runtimeName } from "./host.ts";
import { openBunWake } from "./wake_bun.ts";
import { openDenoWake } from "./wake_deno.ts";
import type { WakeSource, WakeSourceRequest } from "./wake_source.ts";

export type { WakeSource } from "./wake_source.ts";

/** Makes the runtime's kind of wake source. */
export function openWakeSource(request: WakeSourceRequest): WakeSource {
  return runtimeName() === "bun" ? openBunWake(request) : openDenoWake(request);
}

/** The raw sockets of the runtime in use. */
import { bunSockets } from "./sockets_bun.ts";
import { type DenoSockets, denoSockets } from "./sockets_deno.ts";
import type { RawSockets } from "./places.ts";

/** Of the runtime that this runs in. */
export function rawSockets(): RawSockets {
  const { Deno } = globalThis as unknown as { Deno?: DenoSockets };
  return Deno === undefined ? bunSockets : denoSockets(Deno);
}

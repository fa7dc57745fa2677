/** Sockets without TLS, as the runtime in use offers them. */
import { UnsupportedFeatureError } from "../errors.ts";
import {
  type BunNet,
  createBunStreams,
  explainBunRefusal,
} from "./raw_streams_bun.ts";
import { createDenoStreams, type DenoNet } from "./raw_streams_deno.ts";
import type { RawStreams } from "./socket_runtime.ts";

let chosen: RawStreams | undefined;

/** Those of the runtime in use. @throws {UnsupportedFeatureError} outside of Bun and Deno */
export function rawStreams(): RawStreams {
  if (chosen !== undefined) return chosen;
  // Through unknown, since each runtime types its own global more narrowly.
  const globals = globalThis as unknown as { Bun?: BunNet; Deno?: DenoNet };
  if (globals.Bun !== undefined) chosen = createBunStreams(globals.Bun);
  else if (globals.Deno !== undefined) chosen = createDenoStreams(globals.Deno);
  else throw new UnsupportedFeatureError("sockets need Bun or Deno");
  return chosen;
}

/** What really kept a socket of the runtime's `node:` modules from connecting; the given error where nothing more is known. */
export async function explainRefusal(
  host: string,
  port: number,
  error: unknown,
): Promise<unknown> {
  const { Bun } = globalThis as unknown as { Bun?: BunNet };
  return Bun === undefined
    ? error
    : await explainBunRefusal(Bun, host, port, error);
}

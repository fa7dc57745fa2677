/** HTTP by the runtime in use. */
import { UnsupportedFeatureError } from "../../errors.ts";
import type { WebHandler, WebPlace, WebServer } from "./web_runtime.ts";
import { type BunWeb, serveWithBun } from "./web_server_bun.ts";
import { type DenoWeb, serveWithDeno } from "./web_server_deno.ts";

/** Listens with the runtime in use. @throws the runtime's own errors, and {UnsupportedFeatureError} outside of Bun and Deno */
export function serveWeb(place: WebPlace, handler: WebHandler): WebServer {
  // Through unknown, since each runtime types its own global more narrowly.
  const globals = globalThis as unknown as { Bun?: BunWeb; Deno?: DenoWeb };
  if (globals.Bun !== undefined)
    return serveWithBun(globals.Bun, place, handler);
  if (globals.Deno !== undefined)
    return serveWithDeno(globals.Deno, place, handler);
  throw new UnsupportedFeatureError("HTTP needs Bun or Deno");
}

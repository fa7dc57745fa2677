/** What ringwire-server can do; each verb is loaded when it is asked for. */
import type { Executable } from "../command_line/command_line.ts";
import { completionEntry } from "../command_line/entries.ts";

/** The executable's verbs, in the order of the help. */
export const server: Executable = {
  name: "ringwire-server",
  summary:
    "Takes messages by every protocol, answers them or hands them on to queues, commands and other servers.",
  table: "server",
  groups: {},
  verbs: [completionEntry("ringwire-server")],
  examples: [],
  candidates: {},
  version: async (json) => {
    const { printVersion } = await import("../embedded/version.ts");
    const { shimVersion } = await import("../embedded/shim_version.ts");
    return await printVersion("ringwire-server", json, shimVersion);
  },
};

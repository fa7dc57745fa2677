/** What ringwire-client can do; each verb is loaded when it is asked for. */
import type { Executable } from "../command_line/command_line.ts";
import { completionEntry } from "../command_line/entries.ts";

/** The executable's verbs, in the order of the help. */
export const client: Executable = {
  name: "ringwire-client",
  summary: "Sends, asks and listens, from the shell, by every protocol.",
  table: "client",
  groups: {},
  verbs: [completionEntry("ringwire-client")],
  examples: [],
  candidates: {},
  version: async (json) => {
    const { printVersion } = await import("../embedded/version.ts");
    return await printVersion("ringwire-client", json);
  },
};

/** What ringwire-server can do; each verb is loaded when it is asked for. */
import type { Executable } from "../command_line/command_line.ts";
import { completionEntry, configEntries } from "../command_line/entries.ts";

/** The executable's verbs, in the order of the help. */
export const server: Executable = {
  name: "ringwire-server",
  summary:
    "Takes messages by every protocol, answers them or hands them on to queues, commands and other servers.",
  table: "server",
  groups: {
    config: "look at the configuration, check it, describe it to editors",
  },
  verbs: [
    {
      name: "run",
      summary: "take messages until told to stop",
      load: async () => (await import("./run.ts")).run,
    },
    {
      name: "check",
      summary:
        "check a configuration file and the settings that run would have",
      load: async () => (await import("./check.ts")).check,
    },
    {
      name: "health",
      summary: "ask servers whether all is well",
      load: async () => (await import("./health.ts")).health,
    },
    {
      name: "conns",
      summary: "list who is connected",
      load: async () => (await import("./conns.ts")).conns,
    },
    {
      name: "kick",
      summary: "end a session",
      load: async () => (await import("./kick.ts")).kick,
    },
    {
      name: "drain",
      summary: "let servers finish and leave",
      load: async () => (await import("./drain.ts")).drain,
    },
    {
      name: "doctor",
      summary:
        "find out what is in the way of a server here, and how to mend it",
      load: async () => (await import("./doctor.ts")).doctor,
    },
    ...configEntries("ringwire-server", [
      "run",
      "--listen tcp://127.0.0.1:0 --log json",
    ]),
    completionEntry("ringwire-server"),
  ],
  examples: [
    "ringwire-server run --listen tcp://127.0.0.1:8080 --listen ws://127.0.0.1:8081",
    "ringwire-server run --route 'jobs.>=queue:jobs' --route '*=demo'",
    "ringwire-server conns --sort pending",
  ],
  candidates: {
    server: async () => (await import("./server_names.ts")).serverCandidates(),
  },
  version: async (json) => {
    const { printVersion } = await import("../embedded/version.ts");
    const { shimVersion } = await import("../embedded/shim_version.ts");
    return await printVersion("ringwire-server", json, shimVersion);
  },
};

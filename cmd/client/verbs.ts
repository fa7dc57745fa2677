/** What ringwire-client can do; each verb is loaded when it is asked for. */
import type { Executable } from "../command_line/command_line.ts";
import { completionEntry, configEntries } from "../command_line/entries.ts";

/** The executable's verbs, in the order of the help. */
export const client: Executable = {
  name: "ringwire-client",
  summary: "Sends, asks and listens, from the shell, by every protocol.",
  table: "client",
  groups: {
    config: "look at the configuration, check it, describe it to editors",
  },
  verbs: [
    {
      name: "send",
      summary: "send messages: the body given, or each record of stdin",
      load: async () => (await import("./send.ts")).send,
    },
    {
      name: "request",
      summary: "send messages and print the answers",
      load: async () => (await import("./request.ts")).request,
    },
    {
      name: "listen",
      summary: "print what arrives",
      load: async () => (await import("./listen.ts")).listen,
    },
    {
      name: "broadcast",
      summary: "send to everybody who is connected, or to a room",
      load: async () => (await import("./broadcast.ts")).broadcast,
    },
    {
      name: "ping",
      summary: "measure round trips",
      load: async () => (await import("./ping.ts")).ping,
    },
    {
      name: "bench",
      summary: "put a server under load, and measure",
      load: async () => (await import("./bench.ts")).bench,
    },
    {
      name: "doctor",
      summary: "find out what is in the way to a server, and how to mend it",
      load: async () => (await import("./doctor.ts")).doctor,
    },
    ...configEntries("ringwire-client", ["request", "--timeout 1s"]),
    completionEntry("ringwire-client"),
  ],
  examples: [
    "ringwire-client request tcp://127.0.0.1:8080 PING",
    "tail -F app.log | ringwire-client send ws://127.0.0.1:8081 --subject logs.app",
    "ringwire-client listen ws://127.0.0.1:8081 -o jsonl | jq -c .data",
    "ringwire-client bench tcp://127.0.0.1:8080 --rate 50000",
  ],
  candidates: {},
  version: async (json) => {
    const { printVersion } = await import("../embedded/version.ts");
    return await printVersion("ringwire-client", json);
  },
};

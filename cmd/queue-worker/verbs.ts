/** What ringwire-queue-worker can do; each verb is loaded when it is asked for. */
import type { Executable } from "../command_line/command_line.ts";
import { completionEntry, configEntries } from "../command_line/entries.ts";

/** The executable's verbs, in the order of the help. */
export const queueWorker: Executable = {
  name: "ringwire-queue-worker",
  summary:
    "Queues in shared memory, from the shell: many processes, bounded memory, nothing lost when one of them is killed.",
  table: "queue-worker",
  groups: {
    dlq: "look at dead letters, send them again, drop or export them",
    config: "look at the configuration, check it, describe it to editors",
  },
  verbs: [
    {
      name: "create",
      summary: "make a queue",
      load: async () => (await import("./create.ts")).create,
    },
    {
      name: "push",
      summary: "put messages in: the body given, or each record of stdin",
      load: async () => (await import("./push.ts")).push,
    },
    {
      name: "pop",
      summary: "take messages out and write them to stdout",
      load: async () => (await import("./pop.ts")).pop,
    },
    {
      name: "work",
      summary: "run a command for each message",
      load: async () => (await import("./work.ts")).work,
    },
    {
      name: "daemon",
      summary: "keep workers running, and look after queues",
      load: async () => (await import("./daemon.ts")).daemon,
    },
    {
      name: "peek",
      summary: "show the next messages without taking them",
      load: async () => (await import("./peek.ts")).peek,
    },
    {
      name: "ls",
      summary: "list queues",
      load: async () => (await import("./ls.ts")).ls,
    },
    {
      name: "stat",
      summary: "show what a queue holds and who uses it",
      load: async () => (await import("./stat.ts")).stat,
    },
    {
      name: "top",
      summary: "watch queues and workers",
      load: async () => (await import("./top.ts")).top,
    },
    {
      name: "health",
      summary: "ask workers and daemons whether all is well",
      load: async () => (await import("./health.ts")).health,
    },
    {
      name: "drain",
      summary: "let workers and daemons finish and leave",
      load: async () => (await import("./drain.ts")).drain,
    },
    {
      name: "reload",
      summary: "let daemons read their configuration again",
      load: async () => (await import("./reload.ts")).reload,
    },
    {
      name: "restart",
      summary: "replace a daemon's processes",
      load: async () => (await import("./restart.ts")).restart,
    },
    {
      name: "pause",
      summary: "let nobody take messages until resume",
      load: async () => (await import("./pause.ts")).pause,
    },
    {
      name: "resume",
      summary: "let messages be taken again",
      load: async () => (await import("./pause.ts")).resume,
    },
    {
      name: "rm",
      summary: "destroy a queue with everything in it",
      load: async () => (await import("./rm.ts")).rm,
    },
    {
      name: "dlq ls",
      summary: "list dead letters",
      load: async () => (await import("./dlq.ts")).dlqLs,
    },
    {
      name: "dlq show",
      summary: "show everything about some dead letters",
      load: async () => (await import("./dlq.ts")).dlqShow,
    },
    {
      name: "dlq retry",
      summary: "put dead letters back into the queue",
      load: async () => (await import("./dlq.ts")).dlqRetry,
    },
    {
      name: "dlq drop",
      summary: "drop dead letters for good",
      load: async () => (await import("./dlq.ts")).dlqDrop,
    },
    {
      name: "dlq export",
      summary: "write all dead letters to stdout",
      load: async () => (await import("./dlq.ts")).dlqExport,
    },
    {
      name: "doctor",
      summary:
        "find out what is in the way of the queues here, and how to mend it",
      load: async () => (await import("./doctor.ts")).doctor,
    },
    ...configEntries("ringwire-queue-worker", ["work", "-j 8 --timeout 2m"]),
    completionEntry("ringwire-queue-worker"),
  ],
  examples: [
    "ringwire-queue-worker create nums --max-messages 131072 --max-message-size 64",
    "seq 1 100000 | ringwire-queue-worker push -q nums",
    "ringwire-queue-worker pop -q nums --until-empty | sort -n | md5sum",
    "ringwire-queue-worker work -q jobs -j4 --timeout 2m -- ./handle-job",
  ],
  candidates: {
    queue: async () => (await import("./present_names.ts")).queueCandidates(),
    "dead-letter": async (given) =>
      (await import("./present_names.ts")).deadLetterCandidates(given),
    worker: async () => (await import("./present_names.ts")).workerCandidates(),
  },
  version: async (json) => {
    const { printVersion } = await import("../embedded/version.ts");
    const { shimVersion } = await import("../embedded/shim_version.ts");
    return await printVersion("ringwire-queue-worker", json, shimVersion);
  },
};

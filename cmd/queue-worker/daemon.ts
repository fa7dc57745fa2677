import { resolve } from "node:path";
import { parseControlPath } from "../control/control_place.ts";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { ExitCode, UsageError } from "../command_line/exit_codes.ts";
import { chooseLauncher } from "../processes/launcher.ts";
import { onceAborted, StopRequests } from "../processes/lifecycle.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import { say } from "../standard_streams/output.ts";
import { filePath } from "../command_line/scalars.ts";
import { shaped } from "../command_line/value_shape.ts";
import { embeddedShim } from "../embedded/embedded_shim.ts";
import { participantName } from "../queues/participant_name.ts";

const options = {
  daemonConfig: valueOption(
    "-c, --daemon-config <file>",
    "the workers and queues, JSON or TOML",
    filePath,
  ),
  check: switchOption("--check", "only say whether that file is all right"),
  name: valueOption(
    "--name <name>",
    "the daemon's name in stat, and for the verbs that ask it something",
    participantName,
    "daemon",
    "daemon",
  ),
  control: valueOption(
    "--control <path>",
    "its control socket",
    shaped(parseControlPath, { kind: "file" }),
    undefined,
    "a place that the other verbs find",
  ),
  noControl: switchOption("--no-control", "make no control socket"),
};

type DaemonInvocation = Invocation<typeof options>;

async function check(
  path: string,
  searchPath: string | undefined,
): Promise<number> {
  const { readDaemonConfig } = await import("./daemon/config.ts");
  const { findProblems } = await import("./daemon/config_check.ts");
  const config = readDaemonConfig(path);
  const problems = findProblems(config, searchPath);
  if (problems.length > 0)
    throw new UsageError(
      problems.map((problem) => `${path}: ${problem}`).join("\n"),
    );
  const processes = config.workers.reduce(
    (sum, worker) => sum + worker.processes,
    0,
  );
  say(
    `${path}: all right; workers ${config.workers.length}, processes ${processes}, queues ${config.queues.length}`,
  );
  return ExitCode.done;
}

/** How to start this executable again; from the sources, the runtime needs the script. */
function ownCommand(): [path: string, ...words: string[]] {
  return Bun.main.startsWith("/$bunfs/")
    ? [process.execPath]
    : [process.execPath, Bun.main];
}

async function supervise(
  path: string,
  invocation: DaemonInvocation,
): Promise<number> {
  const { options: given, environment, executable } = invocation;
  const { DaemonSession, exitCodeFor } =
    await import("./daemon/daemon_session.ts");
  const { startControl } = await import("../control/control_server.ts");
  let hangups = 0;
  let reload = (): void => {
    hangups++;
  };
  using stop = new StopRequests({ heedUsr1: true, onHangup: () => reload() });
  const launcher = await chooseLauncher(embeddedShim());
  if (launcher.method === "none")
    say(
      "workers will not die with the daemon if it is killed: neither the shim nor setpriv can start them",
    );
  const { name } = given;
  const session = new DaemonSession({
    name,
    path,
    optionsPath: invocation.configPath,
    environment,
    executable,
    launcher,
    command: ownCommand(),
  });
  using _reaper =
    process.pid === 1
      ? new (await import("./daemon/adopted_children.ts")).AdoptedChildren()
      : undefined;
  await using _control = given.noControl
    ? undefined
    : await startControl({ name, path: given.control, ...session.control });
  const started = session.start();
  // What was wrong is said by the reload itself.
  reload = () => void session.reload().catch(() => undefined);
  if (hangups > 0) reload();
  onceAborted(stop.stop, () => {
    say(
      `${stop.received} received: ${session.processCount} processes are asked to finish and leave; a second signal stops their handlers at once`,
    );
    session.drain();
  });
  onceAborted(stop.abort, () => session.hurry());
  onceAborted(stop.stopFetching, () => {
    say("SIGUSR1 received: no more messages are taken");
    session.stopFetching();
  });
  await started;
  return exitCodeFor(await session.ended(), stop.exitCode);
}

/** `daemon -c FILE`: keeps workers running, and looks after queues. */
export const daemon = defineVerb({
  options,
  notes: `FILE names queues and workers; the keys of a worker are the flags of work, those of a queue the flags of create:

  { "queues": { "thumbs": { "create": true } },
    "workers": { "thumbnailer": { "queue": "thumbs", "command": ["./make-thumb"], "processes": 2, "timeout": "2m" } } }

Workers that end are started again after a pause that grows. All of them die with the daemon, whatever kills it.
SIGTERM and SIGINT: drain; a second one stops handlers at once. SIGHUP: read FILE again. SIGUSR1: take no more messages.
Exit code 0: drained; 130 or 143: handlers were cut short; 2: FILE is refused.`,
  examples: [
    "ringwire-queue-worker daemon --check -c /etc/ringwire/media.json",
    "ringwire-queue-worker daemon -c /etc/ringwire/media.json --name media",
    "ringwire-queue-worker health media",
  ],
  run: async (invocation) => {
    const {
      daemonConfig,
      check: checkOnly,
      control,
      noControl,
    } = invocation.options;
    if (daemonConfig === undefined)
      throw new UsageError(
        "no workers are given; needed is -c FILE (--config is about the options of all verbs)",
      );
    if (noControl && control !== undefined)
      throw new UsageError(
        "--control and --no-control are given; allowed is one of them",
      );
    const path = resolve(daemonConfig);
    return checkOnly
      ? await check(path, invocation.environment.PATH)
      : await supervise(path, invocation);
  },
});

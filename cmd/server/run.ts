import { defineVerb } from "../command_line/command_line.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { onceAborted, StopRequests } from "../processes/lifecycle.ts";
import { BrokenPipe, printOut } from "../standard_streams/output.ts";
import { writePortsFile } from "./ports_file.ts";
import { type RunInvocation, runOptions } from "./run_options.ts";
import { RunningServer } from "./running_server.ts";
import { ServerLog } from "./server_log.ts";
import { planServer } from "./settings.ts";

/** Whoever started us for a moment of attention may have closed stdout since. */
async function announce(urls: readonly string[]): Promise<void> {
  try {
    await printOut(urls.map((url) => `${url}\n`).join(""));
  } catch (error) {
    if (!(error instanceof BrokenPipe)) throw error;
  }
}

async function serve({
  options: given,
  environment,
}: RunInvocation): Promise<number> {
  const plan = planServer(given);
  const log = new ServerLog(given.log);
  using stop = new StopRequests();
  const server = await RunningServer.start({ plan, given, environment, log });
  const { startControl } = await import("../control/control_server.ts");
  await using _control = given.noControl
    ? undefined
    : await startControl({
        name: given.name,
        path: given.control,
        room: "servers",
        ...server.control,
      });
  if (given.portsFile !== undefined)
    writePortsFile(given.portsFile, server.urls);
  await announce(server.urls);
  onceAborted(stop.stop, () => {
    log.write(
      "info",
      "draining",
      `${stop.received} received: nobody is let in any more, and what was accepted is finished; a second signal ends it at once`,
    );
    server.drain(given.drainTimeout);
  });
  onceAborted(stop.abort, () => server.abort());
  const { forced } = await server.ended;
  if (forced) log.write("warn", "forced", "some sessions were cut off");
  if (stop.received !== "SIGINT" && !forced) return ExitCode.done;
  return stop.exitCode ?? ExitCode.terminated;
}

/** `run`: takes messages until it is told to stop. */
export const run = defineVerb({
  options: runOptions,
  notes: `URLs: tcp, tls, unix, ws, wss, http, https. The bound ones are written to stdout, one a line, once all are bound.
Routes: MATCH is * (everything), tag:7, tag:100-199, or a subject as in NATS (jobs.*.new, jobs.>). TARGET is one of
  demo              PING is answered by PONG, ECHO:x by REPLY:x, anything else by RECEIVED: and itself
  echo              the same bytes
  queue:NAME        into a queue in shared memory; the answer is what the worker replies
  exec:COMMAND      the body on its stdin, its stdout is the answer; a command that fails is an error
  upstream:URL,URL  to other servers in turn
SIGTERM drains, a second signal ends it at once. Exit code 0: drained; 143: some sessions were cut off; 2: a setting is not allowed.`,
  examples: [
    "ringwire-server run",
    "ringwire-server run --listen tcp://127.0.0.1:0 --listen unix:///run/user/1000/rw.sock --ports-file ports",
    "ringwire-server run --route 'jobs.>=queue:jobs' --route 'tag:7=exec:jq -c .' --route '*=echo'",
    "ringwire-server run --listen tls://0.0.0.0:8443 --tls-cert c.pem --tls-key k.pem --tls-ca ca.pem --mtls",
  ],
  run: serve,
});

/** The daemon's life: from the first configuration through reloads to the drain. */
import { ActionRefused } from "../../control/control_actions.ts";
import type { ControlRequest } from "../../control/control_server.ts";
import { CommandFailure, ExitCode } from "../../command_line/exit_codes.ts";
import type { Executable } from "../../command_line/command_line.ts";
import type { Launcher } from "../../processes/launcher.ts";
import { requireStdout, say } from "../../standard_streams/output.ts";
import { type DaemonConfig, readDaemonConfig } from "./config.ts";
import {
  type DaemonReport,
  reportQueues,
  reportWorkers,
} from "./daemon_report.ts";
import { daemonHealth } from "./health.ts";
import { planProcesses } from "./process_plan.ts";
import type { ProcessSlot } from "./process_slot.ts";
import { QueueKeepers } from "./queue_keepers.ts";
import { Roster, type RosterChange } from "./roster.ts";
import type { ChildInit } from "./worker_child.ts";
import { flushOutputs, isBrokenPipe } from "./worker_output.ts";

/** What a daemon is started with. */
export interface SessionInit {
  /** Its name for `stat` and for the verbs that ask it something. */
  readonly name: string;
  /** Absolute path of the configuration. */
  readonly path: string;
  /** The file with options of all verbs, when one was given. */
  readonly optionsPath: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly executable: Executable;
  readonly launcher: Launcher;
  /** How to start this executable again. */
  readonly command: ChildInit["executable"];
}

/** How urgently the processes are to leave; never less than before. */
const stages = ["running", "stop-fetching", "drain", "hurry"] as const;
type Stage = (typeof stages)[number];

/** When the daemon leaves: nobody reads its stdout any more who has not done so for that long. */
const unreadMsMax = 1000;

function describeChange({
  started,
  changed,
  removed,
  unchanged,
}: RosterChange): string {
  const parts = Object.entries({ started, changed, removed }).flatMap(
    ([what, names]) =>
      names.length > 0 ? [`${what} ${names.join(", ")}`] : [],
  );
  return [...parts, `${unchanged.length} unchanged`].join("; ");
}

/** A running daemon. */
export class DaemonSession {
  readonly #init: SessionInit;
  readonly #roster: Roster;
  readonly #keepers: QueueKeepers;
  readonly #startedMs = Date.now();
  readonly #leaving = Promise.withResolvers<void>();
  #config: DaemonConfig;
  #configReadMs = Date.now();
  #configError: string | null = null;
  #stage: Stage = "running";
  #stdoutBroken = false;
  /** Configurations are applied one after the other. */
  #applying: Promise<unknown> = Promise.resolve();

  /** @throws {CommandFailure} when the configuration is refused, or nothing can be written to stdout */
  constructor(init: SessionInit) {
    this.#init = init;
    this.#config = this.#read();
    const { name, environment, executable, launcher } = init;
    this.#roster = new Roster({
      launcher,
      executable: init.command,
      onStdoutBroken: (error) => this.#onStdoutBroken(error),
    });
    this.#keepers = new QueueKeepers({
      participantName: name,
      environment,
      executable,
      onAppeared: (queue) => this.#roster.queueAppeared(queue),
    });
  }

  /** What its control socket serves. */
  get control(): Pick<ControlRequest, "report" | "health" | "actions"> {
    return {
      report: () => this.#report(),
      health: () =>
        daemonHealth(
          this.#roster.slots,
          this.#keepers.all,
          this.#config.maxRestarts,
        ),
      actions: {
        drain: async ({ timeoutMs }) => {
          this.drain(timeoutMs);
          return { state: "draining" };
        },
        "stop-fetching": async () => {
          this.stopFetching();
          return { state: "draining" };
        },
        reload: async () => await this.reload(),
        restart: async ({ worker }) => this.#restart(worker),
      },
    };
  }

  /** Begins. @returns when all queues that are there are open and all processes have been started, or a drain has come first */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#apply(this.#config);
      } catch (error) {
        if (!(error instanceof ActionRefused)) throw error;
      }
    });
  }

  /** Waits until a drain is over. @returns the exit code, but for the signal's own */
  async ended(): Promise<"drained" | "forced" | "stdout gone"> {
    await this.#leaving.promise;
    await this.#roster.untilEmpty();
    const flushed = await flushOutputs(unreadMsMax);
    if (!flushed)
      say("nobody reads stdout: the last of what workers wrote is lost");
    this.#keepers[Symbol.dispose]();
    if (this.#stdoutBroken) return "stdout gone";
    return this.#stage === "hurry" || this.#roster.cutShort || !flushed
      ? "forced"
      : "drained";
  }

  /**
   * Reads the configuration again and brings what runs to what it says. What is drained for it may take its time.
   *
   * @throws {ActionRefused} when the configuration is refused, which changes nothing, or while the daemon is leaving
   */
  reload(): Promise<RosterChange> {
    return this.#inTurn(async () => {
      this.#refuseWhenLeaving("reloaded");
      try {
        const config = this.#read();
        const change = await this.#apply(config);
        this.#configReadMs = Date.now();
        this.#configError = null;
        say(`${this.#init.path} was read again: ${describeChange(change)}`);
        return change;
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error;
        this.#configError = error.message;
        say(`nothing is changed: ${error.message}`);
        throw new ActionRefused("ConfigRefused", error.message);
      }
    });
  }

  /** Has all processes take no more, finish, and leave; then the daemon ends. @param timeoutMs the handlers' time @default as configured */
  drain(timeoutMs?: number): void {
    this.#leave("drain", (slot) => slot.drain(timeoutMs));
  }

  /** The same with all the time that handlers need. */
  stopFetching(): void {
    this.#leave("stop-fetching", (slot) => slot.stopFetching());
  }

  /** The same without giving handlers any time. */
  hurry(): void {
    this.#leave("hurry", (slot) => slot.hurry());
  }

  /** Processes that are there. */
  get processCount(): number {
    return this.#roster.slots.filter(({ pid }) => pid !== null).length;
  }

  #leave(stage: Stage, how: (slot: ProcessSlot) => void): void {
    if (stages.indexOf(stage) <= stages.indexOf(this.#stage)) return;
    this.#stage = stage;
    this.#roster.retire(how);
    this.#leaving.resolve();
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#applying.then(action);
    this.#applying = result.catch(() => undefined);
    return result;
  }

  #read(): DaemonConfig {
    const config = readDaemonConfig(this.#init.path);
    if (config.workers.some(({ stdout }) => stdout.kind === "inherit"))
      requireStdout();
    return config;
  }

  /** Queues first: who is started finds them. */
  async #apply(config: DaemonConfig): Promise<RosterChange> {
    await this.#keepers.aim(config.queues, config.sweepEveryMs);
    this.#refuseWhenLeaving("started");
    this.#config = config;
    const { environment, optionsPath } = this.#init;
    return this.#roster.aim(planProcesses(config, environment, optionsPath));
  }

  #refuseWhenLeaving(what: string): void {
    if (this.#stage !== "running")
      throw new ActionRefused(
        "Draining",
        `the daemon is leaving: nothing is ${what} any more`,
      );
  }

  #restart(worker: string): object {
    this.#refuseWhenLeaving("restarted");
    const processes = this.#roster.restart(worker);
    if (processes.length === 0)
      throw new ActionRefused(
        "NoSuchWorker",
        `worker: given ${JSON.stringify(worker)}, allowed are ${this.#roster.workers.join(", ")} and the names of their processes`,
      );
    say(`restarted on request: ${processes.join(", ")}`);
    return { restarted: processes };
  }

  #onStdoutBroken(error: unknown): void {
    if (this.#stdoutBroken) return;
    this.#stdoutBroken = true;
    if (!isBrokenPipe(error))
      say(
        `stdout cannot be written to: ${error instanceof Error ? error.message : String(error)}`,
      );
    this.drain();
  }

  #report(): DaemonReport {
    return {
      kind: "daemon",
      name: this.#init.name,
      pid: process.pid,
      started_ms: this.#startedMs,
      state: this.#stage === "running" ? "running" : "draining",
      config: this.#init.path,
      config_read_ms: this.#configReadMs,
      config_error: this.#configError,
      workers: reportWorkers(this.#roster.slots),
      queues: reportQueues(this.#keepers.all),
    };
  }
}

/** The exit code for an end. @param signalCode that of the signal that asked for it, if one did */
export function exitCodeFor(
  end: Awaited<ReturnType<DaemonSession["ended"]>>,
  signalCode: number | undefined,
): number {
  if (end === "drained") return ExitCode.done;
  return end === "stdout gone"
    ? ExitCode.brokenPipe
    : (signalCode ?? ExitCode.terminated);
}

/** A daemon in a sandbox: its configuration, its process, and what it says when it is asked. */
import { writeFileSync } from "node:fs";
import type { Health } from "../../cmd/control/control_app.ts";
import {
  callControl,
  type ControlReply,
} from "../../cmd/control/control_client.ts";
import type { DaemonReport } from "../../cmd/queue-worker/daemon/daemon_report.ts";
import { type Running, type Sandbox, until } from "./sandbox.ts";

type Worker = DaemonReport["workers"][number];

/** Pauses that no test has to wait for. */
export const quickRestart = { "min-delay": "1ms", "max-delay": "50ms" };

const answerMsMax = 20_000;

/** A daemon that runs. */
export class TestedDaemon {
  readonly process: Running;
  readonly #sandbox: Sandbox;
  readonly #socket: string;

  private constructor(sandbox: Sandbox, process: Running, socket: string) {
    this.#sandbox = sandbox;
    this.process = process;
    this.#socket = socket;
  }

  /** Starts one with this configuration. */
  static start(
    sandbox: Sandbox,
    config: object,
    env: Readonly<Record<string, string>> = {},
  ): TestedDaemon {
    const path = sandbox.file("daemon.json");
    const socket = sandbox.file("daemon.sock");
    writeFileSync(path, JSON.stringify(config));
    const running = sandbox.start(
      ["ringwire-queue-worker", "daemon", "-c", path, "--control", socket],
      { env },
    );
    return new TestedDaemon(sandbox, running, socket);
  }

  /** Writes another configuration, without a word to the daemon. */
  configure(config: object | string): void {
    const text = typeof config === "string" ? config : JSON.stringify(config);
    writeFileSync(this.#sandbox.file("daemon.json"), text);
  }

  /** Asks for an action. */
  post(action: string, body?: object): Promise<ControlReply> {
    return callControl(this.#socket, "POST", `/${action}`, body, {
      timeoutMs: answerMsMax,
    });
  }

  /** GET /status; undefined while it cannot be asked. */
  async report(): Promise<DaemonReport | undefined> {
    return (await this.#get("/status")) as DaemonReport | undefined;
  }

  async health(): Promise<Health | undefined> {
    return (await this.#get("/health")) as Health | undefined;
  }

  /** One worker; undefined while there is none of that name. */
  async worker(name: string): Promise<Worker | undefined> {
    const report = await this.report();
    return report?.workers.find((worker) => worker.name === name);
  }

  /** Waits until a worker is as `condition` wants it. */
  async untilWorker(
    name: string,
    condition: (worker: Worker) => boolean,
  ): Promise<Worker> {
    let seen: Worker | undefined;
    try {
      return await until(`worker ${name}`, async () => {
        seen = await this.worker(name);
        return seen !== undefined && condition(seen) ? seen : undefined;
      });
    } catch (error) {
      throw new Error(`${JSON.stringify(seen)}\n${this.process.err()}`, {
        cause: error,
      });
    }
  }

  /** Waits for the health that `condition` wants. */
  untilHealth(condition: (health: Health) => boolean): Promise<Health> {
    return until("health", async () => {
      const health = await this.health();
      return health !== undefined && condition(health) ? health : undefined;
    });
  }

  async #get(route: string): Promise<unknown> {
    try {
      const { body } = await callControl(
        this.#socket,
        "GET",
        route,
        undefined,
        { timeoutMs: answerMsMax },
      );
      return body;
    } catch {
      return undefined;
    }
  }
}

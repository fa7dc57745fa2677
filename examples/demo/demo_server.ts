/** The compiled server of the demo: every protocol, a queue behind it, and an echo for measurements. */
import { join } from "node:path";
import type {
  ChildProcesses,
  RunningProcess,
} from "../running/child_processes.ts";

/** Requests with this tag come back as they are; all others go into the queue. */
export const echoTag = 1;

/** How long it may take to finish what it has accepted. */
const drainMs = 2000;

/** A server that runs. */
export class DemoServer {
  readonly protocols = ["tcp", "unix", "ws"] as const;
  readonly #process: RunningProcess;
  readonly #urls: readonly string[];

  private constructor(process: RunningProcess, urls: readonly string[]) {
    this.#process = process;
    this.#urls = urls;
  }

  /** Starts it, on free ports and with a socket in `directory`. @throws when it ends before it listens */
  static async start(
    children: ChildProcesses,
    executable: string,
    queueName: string,
    directory: string,
  ): Promise<DemoServer> {
    const command = [
      ...[executable, "run", "--no-control"],
      ...["--drain-timeout", `${drainMs}ms`],
      ...["--listen", "tcp://127.0.0.1:0"],
      ...["--listen", `unix://${join(directory, "server.sock")}`],
      ...["--listen", "ws://127.0.0.1:0"],
      ...["--route", `tag:${echoTag}=echo`, "--route", `*=queue:${queueName}`],
    ];
    // Killed, it would leave its private queue for replies to whoever asks next.
    const process = children.start(command, { graceMs: 2 * drainMs });
    const urls: string[] = [];
    while (urls.length < 3) urls.push(await process.line());
    return new DemoServer(process, urls);
  }

  /** Where it listens for a protocol. */
  url(protocol: string): string {
    const url = this.#urls.find((one) => one.startsWith(`${protocol}://`));
    if (url === undefined)
      throw new Error(`the server does not listen for ${protocol}`);
    return url;
  }

  /** Drains it. @throws when it does not end well */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    const exitCode = await this.#process.exited;
    if (exitCode !== 0)
      throw new Error(
        `the server ended with ${exitCode ?? "a signal"} after SIGTERM: ${this.#process.errors()}`,
      );
  }
}

/** The first and the last part of the demo: the server, its answers, and its table. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CrossProcessQueue } from "ringwire";
import type { ChildProcesses } from "../running/child_processes.ts";
import { answerWithKills, type ProtocolAnswers } from "./answer_with_kills.ts";
import { DemoServer } from "./demo_server.ts";
import { measureProtocols, type RateTimes } from "./protocol_rates.ts";
import { listRepositoryFiles } from "./repository_files.ts";
import {
  hashDirectly,
  readServedFiles,
  servedBytesMax,
} from "./served_files.ts";

/** Wrong answers that are shown. */
const wrongShownMax = 5;

/** Where things are. */
export interface ServerPartSetting {
  readonly root: string;
  /** The executables. */
  readonly programs: {
    readonly server: string;
    readonly client: string;
    readonly worker: string;
  };
  readonly children: ChildProcesses;
  /** One file in so many is sent. */
  readonly oneIn: number;
}

/** Columns as wide as their widest cell; the first is a name, the others are numbers. */
function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0
        ? cell.padEnd(widths[column] ?? 0)
        : cell.padStart(widths[column] ?? 0),
    );
    console.log(`  ${cells.join("  ")}`);
  }
}

function perSecond(rate: number): string {
  return Math.round(rate).toLocaleString("en");
}

/** A server with a queue behind it, until it is disposed of. */
export class ServerPart implements AsyncDisposable {
  readonly #setting: ServerPartSetting;
  readonly #queue: CrossProcessQueue;
  readonly #server: DemoServer;
  readonly #directory: string;
  #answers: readonly ProtocolAnswers[] = [];

  private constructor(
    setting: ServerPartSetting,
    queue: CrossProcessQueue,
    server: DemoServer,
    directory: string,
  ) {
    this.#setting = setting;
    this.#queue = queue;
    this.#server = server;
    this.#directory = directory;
  }

  /** @throws when the server does not come up; nothing is left behind then */
  static async start(setting: ServerPartSetting): Promise<ServerPart> {
    const { children, programs } = setting;
    await using made = new AsyncDisposableStack();
    const directory = mkdtempSync(join(tmpdir(), "ringwire-demo-"));
    made.defer(() => rmSync(directory, { recursive: true, force: true }));
    const queue = CrossProcessQueue.create(`demo-served-${process.pid}`, {
      maxMessages: 1024,
      maxMessageSize: servedBytesMax,
      maxHeadersSize: 1024,
      participantName: "demo",
    });
    made.defer(() => queue.destroy());
    const server = await DemoServer.start(
      children,
      programs.server,
      queue.name,
      directory,
    );
    made.move();
    return new ServerPart(setting, queue, server, directory);
  }

  /** Has all files hashed. Gives whether each answer is that of `sha256sum`. @throws when one is missing */
  async showAnswers(): Promise<boolean> {
    const { root, programs, children, oneIn } = this.#setting;
    const files = readServedFiles(root, listRepositoryFiles(root)).filter(
      (_, index) => index % oneIn === 0,
    );
    const bytes = files.reduce((sum, { content }) => sum + content.length, 0);
    console.log(
      `${files.length} files of this repository (${(bytes / 1e6).toFixed(1)} MB), one request each: client → server → queue → worker (sha256sum) → server → client; a worker and a client killed with SIGKILL`,
    );
    const result = await answerWithKills({
      files,
      server: this.#server,
      client: programs.client,
      worker: programs.worker,
      queue: this.#queue,
      children,
    });
    this.#answers = result.protocols;
    const expected = await hashDirectly(root, files, children);
    const wrong = result.protocols.flatMap(({ files, hashes }) =>
      files.flatMap(({ path }, index) =>
        expected.has(path) && hashes[index] !== expected.get(path)
          ? [`${path}: answered ${hashes[index]}, is ${expected.get(path)}`]
          : [],
      ),
    );
    const answered = result.protocols.flatMap(({ hashes }) => hashes).length;
    const rows = [
      ["asked over", result.protocols.map(describeAsked).join(", ")],
      ["answered", `${answered} of ${files.length}`],
      [
        "killed worker",
        `held ${result.heldAtDeath}, delivered again ${result.deliveredAgain}`,
      ],
      [
        "killed client",
        result.protocols
          .filter(({ clients }) => clients > 1)
          .map(
            ({ protocol, files, askedAgain }) =>
              `over ${protocol}, with ${files.length - askedAgain} answers; its successor asked for the other ${askedAgain}`,
          )
          .join(""),
      ],
      [
        "queue",
        `${result.sent} requests, ${result.acked} acknowledged, none left`,
      ],
      [
        "rate",
        `${Math.round((answered / result.elapsedMs) * 1000)} answers/s (a process for each) in ${(result.elapsedMs / 1000).toFixed(2)} s`,
      ],
    ] as const;
    for (const [name, value] of rows)
      console.log(`  ${name.padEnd(13)}  ${value}`);
    for (const line of wrong.slice(0, wrongShownMax))
      console.log(`  wrong: ${line}`);
    if (wrong.length > wrongShownMax)
      console.log(`  wrong, too: ${wrong.length - wrongShownMax} more`);
    const changed = files.length - expected.size;
    if (changed > 0)
      console.log(
        `  not compared, because somebody changed them meanwhile: ${changed}`,
      );
    const right =
      wrong.length === 0 && answered === files.length && expected.size > 0;
    console.log(
      right
        ? "Every request was answered, and every answer is that of sha256sum run directly."
        : "The answers DIFFER from those of sha256sum run directly.",
    );
    return right;
  }

  /** Measures each protocol, and prints the table. */
  async showRates(times: RateTimes): Promise<void> {
    const { children, programs } = this.#setting;
    const rates = await measureProtocols(
      children,
      programs.client,
      this.#server,
      times,
    );
    console.log(
      "The same server over each protocol, messages of 64 bytes echoed, 256 under way (latencies: one):",
    );
    printTable([
      [
        "protocol",
        "files answered",
        "requests/s",
        "one-way/s",
        "p50 ms",
        "p99 ms",
        "ping p50 ms",
      ],
      ...rates.map(({ protocol, ...row }) => [
        protocol,
        `${this.#answers.find((one) => one.protocol === protocol)?.hashes.length ?? 0}`,
        perSecond(row.requests),
        perSecond(row.oneWay),
        ...[row.p50Ms, row.p99Ms, row.pingMs].map((ms) => ms.toFixed(3)),
      ]),
    ]);
  }

  /** Drains the server. @throws when it does not end well */
  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** Ends all processes, and removes what was made for them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#setting.children[Symbol.asyncDispose]();
    this.#queue.destroy();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function describeAsked({ protocol, files, clients }: ProtocolAnswers): string {
  return `${protocol} ${files.length}${clients > 1 ? ` (${clients} clients)` : ""}`;
}

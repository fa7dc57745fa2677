/** Where benches run: a directory for their segments, and their programs, none of which outlives it. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseSample, type Sample } from "./sample.ts";

/** What a program runs in. */
export type Runtime = "bun" | "deno";

const root = join(import.meta.dirname, "..");
const prefix = "ringwire-bench-";
/** No program may take longer, unless the bench says so. */
const timeoutMsDefault = 60_000;

/** Processors that this process may use, from the kernel's list such as "0-3,8". */
function allowedProcessors(): number[] {
  const list =
    /^Cpus_allowed_list:\s*(\S+)/m.exec(
      readFileSync("/proc/self/status", "utf8"),
    )?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from(
      { length: last - first + 1 },
      (_, index) => first + index,
    );
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Removes the directories of runs that were killed. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (pid > 0 && !isAlive(pid))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/** A program that was started by a bench. */
export interface Program {
  readonly pid: number;
  /** The next line that it prints; undefined at its end. @throws when its time is up */
  nextLine(): Promise<string | undefined>;
  /** Waits for its end and gives all samples it printed. @throws when it failed or its time is up */
  samples(): Promise<Sample[]>;
  /**
   * Waits for its end and gives the processors' time that it used, and whatever it waited for, in microseconds.
   *
   * @throws when it failed or its time is up
   */
  cpuUs(): Promise<number>;
  /** Ends it by SIGKILL and waits for that. */
  kill(): Promise<void>;
}

/** The commands that programs are started with. */
export class Stage {
  /** Shared memory; RINGWIRE_SHM_DIR and BENCH_DIR of every program. */
  readonly directory: string;
  /** Runtimes that are there. */
  readonly runtimes: readonly Runtime[];
  /** Whether programs are kept on one processor each. */
  readonly pinned: boolean;
  readonly #processors: readonly number[];
  readonly #deno: string | null;
  /** Has a program end with this process, even when that is killed. */
  readonly #lifeline: readonly string[];
  readonly #running = new Set<Bun.Subprocess>();
  readonly #temporary: string[] = [];

  constructor() {
    for (const parent of ["/dev/shm", tmpdir()]) removeLeftovers(parent);
    this.directory = join("/dev/shm", `${prefix}${process.pid}`);
    mkdirSync(this.directory, { mode: 0o700 });
    // For queues of this process, and passed on to every program.
    process.env.RINGWIRE_SHM_DIR = this.directory;
    process.env.BENCH_DIR = this.directory;
    this.#processors = allowedProcessors();
    this.#deno = Bun.which("deno");
    this.runtimes = this.#deno === null ? ["bun"] : ["bun", "deno"];
    this.#lifeline =
      Bun.which("setpriv") === null
        ? []
        : ["setpriv", "--pdeathsig", "KILL", "--"];
    this.pinned = this.#processors.length > 1 && Bun.which("taskset") !== null;
  }

  /** A directory on disk for a peer's files. */
  temporaryDirectory(): string {
    const path = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
    this.#temporary.push(path);
    return path;
  }

  /** Starts one of `build/bench/`, unpinned: C programs pin themselves. */
  startC(
    program: string,
    args: readonly string[] = [],
    timeoutMs?: number,
  ): Program {
    return this.start(
      [join(root, "build/bench", program), ...args],
      undefined,
      timeoutMs,
    );
  }

  /** Starts one of `bench/programs/` with one JSON argument, on the n-th processor. */
  startScript(
    runtime: Runtime,
    program: string,
    argument: unknown,
    processor: number,
    timeoutMs?: number,
  ): Program {
    const script = join(root, "bench/programs", `${program}_program.ts`);
    const command =
      runtime === "bun"
        ? [process.execPath, script]
        : [this.#deno ?? "deno", "run", "--quiet", "--allow-all", script];
    return this.start(
      [...command, JSON.stringify(argument)],
      processor,
      timeoutMs,
    );
  }

  /** Starts what `make bench` has built for Node of one of `bench/programs/`, on the n-th processor. */
  startNode(
    program: string,
    argument: unknown,
    processor: number,
    timeoutMs?: number,
  ): Program {
    const script = join(root, "bench/peers/build", `${program}_program.js`);
    return this.start(
      ["node", script, JSON.stringify(argument)],
      processor,
      timeoutMs,
    );
  }

  /** Starts any command. */
  start(
    command: readonly string[],
    processor: number | undefined,
    timeoutMs: number = timeoutMsDefault,
  ): Program {
    const cpu =
      processor === undefined || !this.pinned
        ? undefined
        : this.#processors[processor % this.#processors.length];
    const pinning = cpu === undefined ? [] : ["taskset", "-c", String(cpu)];
    const child = Bun.spawn([...this.#lifeline, ...pinning, ...command], {
      cwd: root,
      env: process.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#running.add(child);
    const complaint = new Response(child.stderr).text();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    void child.exited.then(() => {
      clearTimeout(timer);
      this.#running.delete(child);
    });
    const lines = linesOf(child.stdout);
    const shown = command.slice(0, 5).join(" ");
    const checkTime = (): void => {
      if (late) throw new Error(`took longer than ${timeoutMs} ms: ${shown}`);
    };
    const succeed = async (): Promise<void> => {
      const status = await child.exited;
      checkTime();
      if (status !== 0)
        throw new Error(
          `${shown}: ended with ${child.signalCode ?? status}\n${(await complaint).trim()}`,
        );
    };
    return {
      pid: child.pid,
      async nextLine(): Promise<string | undefined> {
        const { value, done } = await lines.next();
        checkTime();
        return done === true ? undefined : value;
      },
      async samples(): Promise<Sample[]> {
        const samples: Sample[] = [];
        for await (const line of lines) {
          const sample = parseSample(line);
          if (sample !== undefined) samples.push(sample);
        }
        await succeed();
        return samples;
      },
      async cpuUs(): Promise<number> {
        await succeed();
        return Number(child.resourceUsage()?.cpuTime.total);
      },
      async kill(): Promise<void> {
        child.kill("SIGKILL");
        await child.exited;
      },
    };
  }

  /** Ends what still runs and removes every file. */
  async close(): Promise<void> {
    const running = [...this.#running];
    for (const child of running) child.kill("SIGKILL");
    await Promise.all(running.map((child) => child.exited));
    for (const path of [this.directory, ...this.#temporary])
      rmSync(path, { recursive: true, force: true });
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
  return undefined;
}

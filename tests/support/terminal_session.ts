/** ringwire-queue-worker on a pseudo terminal. */
import { type Sandbox, until, worker } from "./sandbox.ts";
import { TerminalScreen } from "./terminal_screen.ts";
import { afterEach } from "./testing.ts";

/** What the terminal has of its own while nobody has changed it: lines, and what is typed is shown. */
const ICANON = 0o2;
const ECHO = 0o10;

const inUse = new Set<TerminalSession>();

/** Call it once per file, outside of the tests. */
export function cleanUpTerminals(): void {
  afterEach(() => {
    for (const session of inUse) session.close();
    inUse.clear();
  });
}

/** How it is started. */
export interface TerminalStart {
  readonly columns?: number;
  readonly lines?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** One process on a terminal of its own. */
export class TerminalSession {
  readonly screen: TerminalScreen;
  /** All that was written. */
  written = "";
  readonly #child: Bun.Subprocess;
  #failure: unknown;

  constructor(
    sandbox: Sandbox,
    words: readonly string[],
    { columns = 100, lines = 24, env = {} }: TerminalStart = {},
  ) {
    this.screen = new TerminalScreen(columns, lines);
    const decoder = new TextDecoder();
    this.#child = Bun.spawn([worker, ...words], {
      cwd: sandbox.files,
      env: {
        TERM: "xterm-256color",
        RINGWIRE_SHM_DIR: sandbox.directory,
        ...env,
      },
      terminal: {
        cols: columns,
        rows: lines,
        data: (_, bytes) => {
          const text = decoder.decode(bytes, { stream: true });
          this.written += text;
          try {
            this.screen.write(text);
          } catch (error) {
            this.#failure ??= error;
          }
        },
      },
    });
    inUse.add(this);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Whether lines are read and shown as usual. */
  get cooked(): boolean {
    const flags = this.#child.terminal?.localFlags ?? 0;
    return (flags & ICANON) !== 0 && (flags & ECHO) !== 0;
  }

  press(keys: string): void {
    this.#child.terminal?.write(keys);
  }

  resize(columns: number, lines: number): void {
    this.screen.resize(columns, lines);
    this.#child.terminal?.resize(columns, lines);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until the screen has a line like this. @returns that line @throws what the screen did not understand */
  async line(pattern: RegExp): Promise<string> {
    const found = await until(`a line like ${pattern}`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.screen.text.find((line) => pattern.test(line));
    }).catch((error: unknown) => {
      throw new Error(`${error}\n${this.screen.text.join("\n")}`);
    });
    return found ?? "";
  }

  /** Its exit code, 128 + 9 when it was killed. */
  async ended(): Promise<number> {
    await this.#child.exited;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#child.exitCode ?? 137;
  }

  /** Kills it if it still runs. */
  close(): void {
    this.#child.kill("SIGKILL");
    this.#child.terminal?.close();
  }
}

/** A program on a real pseudo terminal, and the screen that a person would see. */

/** What to run. */
export interface TerminalRequest {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** @default 80 */
  readonly columns?: number;
}

/** A program that runs on a terminal of its own. */
export interface OnTerminal {
  readonly pid: number;
  /** Everything written to the terminal so far, escape sequences included. */
  readonly raw: () => string;
  /** What is typed. */
  readonly type: (text: string) => void;
  readonly resize: (columns: number) => void;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Exit code as a shell shows it. */
  readonly ended: Promise<number>;
  /** Ends what still runs. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Starts a program with stdin, stdout and stderr on a pseudo terminal. */
export function startOnTerminal(request: TerminalRequest): OnTerminal {
  const decoder = new TextDecoder();
  let raw = "";
  const child = Bun.spawn([...request.command], {
    cwd: request.cwd,
    env: request.env,
    terminal: {
      cols: request.columns ?? 80,
      rows: 24,
      data: (_terminal, bytes) => {
        raw += decoder.decode(bytes, { stream: true });
      },
    },
  });
  return {
    pid: child.pid,
    raw: () => raw,
    type: (text) => void child.terminal?.write(text),
    resize: (columns) => child.terminal?.resize(columns, 24),
    kill: (signal) => child.kill(signal),
    ended: child.exited,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
      child.terminal?.close();
    },
  };
}

/** The lines that are left on the screen, once carriage returns, line feeds and erasures have had their effect. */
export function screenLines(raw: string): string[] {
  const lines: string[] = [""];
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals are steered with
  for (const [token] of raw.matchAll(/\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]/gu)) {
    const current = lines.at(-1) ?? "";
    if (token === "\r") column = 0;
    else if (token === "\n") {
      lines.push("");
      column = 0;
    } else if (token === "\x1b[K")
      lines[lines.length - 1] = current.slice(0, column);
    else if (!token.startsWith("\x1b")) {
      lines[lines.length - 1] =
        current.slice(0, column).padEnd(column) +
        token +
        current.slice(column + token.length);
      column += token.length;
    }
  }
  return lines.map((line) => line.trimEnd());
}

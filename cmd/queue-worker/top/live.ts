/** `top` on a terminal. */
import { ExitCode } from "../../command_line/exit_codes.ts";
import { onceAborted, StopRequests } from "../../processes/lifecycle.ts";
import { openQueue } from "../../queues/open_queue.ts";
import { type QueueOrder, queueOrders, sortQueues } from "./columns.ts";
import { composeFrame } from "./frame.ts";
import type { View } from "./view.ts";
import { type Key, parseKeys } from "./keys.ts";
import type { TopSample } from "./rows.ts";
import type { Sampler } from "./sampler.ts";
import { Screen } from "./screen.ts";

/** What it is started with. */
export interface LiveOptions {
  readonly intervalMs: number;
  readonly intervalText: string;
  readonly colour: boolean;
}

/** How long a sample may wait for a worker's answer. */
const patienceMs = 150;
const orders = Object.keys(queueOrders) as QueueOrder[];

/** Runs until somebody has enough of it. */
export class LiveTop {
  readonly #sampler: Sampler;
  readonly #options: LiveOptions;
  readonly #screen: Screen;
  readonly #done = Promise.withResolvers<number>();
  #sample: TopSample = {
    atMs: Date.now(),
    queues: [],
    workers: [],
    problem: null,
  };
  #view: View;
  /** A queue whose pause has to be confirmed. */
  #toPause: string | null = null;
  #detailed = false;
  #suspended = false;
  #redrawWanted = false;

  constructor(sampler: Sampler, options: LiveOptions) {
    this.#sampler = sampler;
    this.#options = options;
    this.#screen = new Screen(options);
    this.#view = {
      selected: null,
      order: "name",
      help: false,
      detail: undefined,
      message: null,
      intervalText: options.intervalText,
    };
  }

  /** @returns the exit code @throws what a sample throws */
  async run(): Promise<number> {
    using stop = new StopRequests();
    onceAborted(stop.stop, () =>
      this.#done.resolve(stop.exitCode ?? ExitCode.terminated),
    );
    const listeners = [
      ["SIGWINCH", () => this.#redraw()],
      ["SIGTSTP", () => void this.#suspend()],
      ["SIGCONT", () => void this.#resume()],
    ] as const;
    for (const [signal, listener] of listeners) process.on(signal, listener);
    try {
      await this.#screen.enter();
      this.#readKeys(true);
      // What comes from a file or a pipe was not typed by anybody who sees the screen.
      if (process.stdin.isTTY) process.stdin.on("data", this.#onData);
      const timer = this.#keepSampling();
      const code = await this.#done.promise;
      clearTimeout(timer.current);
      return code;
    } finally {
      process.stdin.off("data", this.#onData);
      this.#readKeys(false);
      for (const [signal, listener] of listeners) process.off(signal, listener);
      await this.#screen.leave();
    }
  }

  /** Samples now and at each interval. */
  #keepSampling(): { current: Timer | undefined } {
    const timer: { current: Timer | undefined } = { current: undefined };
    const tick = async (): Promise<void> => {
      const began = performance.now();
      try {
        if (!this.#suspended) {
          this.#sample = await this.#sampler.sample(patienceMs);
          this.#draw();
        }
      } catch (error) {
        this.#done.reject(error);
        return;
      }
      const left = this.#options.intervalMs - (performance.now() - began);
      timer.current = setTimeout(tick, Math.max(left, 10));
    };
    void tick();
    return timer;
  }

  #draw(): void {
    if (this.#suspended) return;
    if (this.#screen.busy) {
      this.#redrawWanted = true;
      return;
    }
    this.#redrawWanted = false;
    const names = this.#names();
    const { selected } = this.#view;
    if (selected === null || !names.includes(selected))
      this.#view = { ...this.#view, selected: names[0] ?? null };
    const chosen = this.#view.selected;
    const detail =
      this.#detailed && chosen !== null
        ? this.#sampler.detail(chosen)
        : undefined;
    this.#view = { ...this.#view, detail };
    this.#screen
      .draw(composeFrame(this.#sample, this.#view, this.#screen.size))
      .then(
        () => {
          if (this.#redrawWanted) this.#draw();
        },
        (error: unknown) => this.#done.reject(error),
      );
  }

  #redraw(): void {
    this.#screen.forget();
    this.#draw();
  }

  #readKeys(raw: boolean): void {
    if (!process.stdin.isTTY) return;
    try {
      process.stdin.setRawMode(raw);
    } catch {
      // The terminal is gone.
    }
  }

  async #suspend(): Promise<void> {
    if (this.#suspended) return;
    this.#suspended = true;
    this.#readKeys(false);
    await this.#screen.leave();
    process.kill(process.pid, "SIGSTOP");
  }

  /** Also when somebody else has stopped us: the shell had the terminal meanwhile. */
  async #resume(): Promise<void> {
    this.#suspended = false;
    this.#readKeys(true);
    await this.#screen.enter();
    this.#draw();
  }

  readonly #onData = (chunk: string | Uint8Array): void => {
    const text =
      typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
    for (const key of parseKeys(text)) this.#press(key);
    this.#draw();
  };

  #names(): string[] {
    return sortQueues(this.#sample.queues, this.#view.order).map(
      ({ name }) => name,
    );
  }

  #say(message: string | null): void {
    this.#view = { ...this.#view, message };
  }

  #select(move: (index: number, last: number) => number): void {
    const names = this.#names();
    if (names.length === 0) return;
    const index = names.indexOf(this.#view.selected ?? "");
    const last = names.length - 1;
    const next = Math.max(0, Math.min(last, move(Math.max(0, index), last)));
    this.#view = { ...this.#view, selected: names[next] ?? null };
  }

  #press(key: Key): void {
    if (this.#toPause !== null) {
      this.#confirm(key);
      return;
    }
    this.#say(null);
    const page = Math.max(1, this.#screen.size.lines - 6);
    switch (key) {
      case "up":
        this.#select((index) => index - 1);
        break;
      case "down":
        this.#select((index) => index + 1);
        break;
      case "pageUp":
        this.#select((index) => index - page);
        break;
      case "pageDown":
        this.#select((index) => index + page);
        break;
      case "home":
        this.#select(() => 0);
        break;
      case "end":
        this.#select((_, last) => last);
        break;
      case "enter":
        this.#detailed = !this.#detailed;
        this.#view = { ...this.#view, help: false };
        break;
      case "escape":
        this.#detailed = false;
        this.#view = { ...this.#view, help: false };
        break;
      case "interrupt":
        this.#done.resolve(ExitCode.interrupted);
        break;
      case "suspend":
        void this.#suspend();
        break;
      case "redraw":
        this.#screen.forget();
        break;
      default:
        this.#type(key.character);
    }
  }

  #type(character: string): void {
    switch (character) {
      case "q":
        this.#done.resolve(ExitCode.done);
        break;
      case "k":
        this.#select((index) => index - 1);
        break;
      case "j":
        this.#select((index) => index + 1);
        break;
      case "?":
      case "h":
        this.#view = { ...this.#view, help: !this.#view.help };
        break;
      case "s": {
        const next = (orders.indexOf(this.#view.order) + 1) % orders.length;
        const order = orders[next] ?? "name";
        this.#view = { ...this.#view, order, message: `sorted by ${order}` };
        break;
      }
      case "p":
        this.#pauseOrResume();
        break;
    }
  }

  #pauseOrResume(): void {
    const { selected } = this.#view;
    const row = this.#sample.queues.find(({ name }) => name === selected);
    if (row === undefined || row.counts === null) {
      this.#say("no queue is selected");
    } else if (row.state === "paused") {
      void this.#rule(row.name, "resume");
    } else {
      // One wrong key must not stop what works.
      this.#toPause = row.name;
      this.#say(`pause ${row.name}, so that nobody takes its messages? y/n`);
    }
  }

  #confirm(key: Key): void {
    const name = this.#toPause;
    this.#toPause = null;
    const yes = typeof key === "object" && key.character.toLowerCase() === "y";
    if (key === "interrupt") this.#done.resolve(ExitCode.interrupted);
    else if (yes && name !== null) void this.#rule(name, "pause");
    else this.#say("nothing is paused");
  }

  /** The only thing that is no looking: a participant for a moment. */
  async #rule(name: string, action: "pause" | "resume"): Promise<void> {
    try {
      using queue = await openQueue(name, { participantName: "top" });
      queue[action]();
      this.#say(`${name} is ${action === "pause" ? "paused" : "resumed"}`);
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error));
    }
    this.#draw();
  }
}

/**
 * Looks after one queue whether or not anybody works on it: makes it if that is configured, moves what is due, recovers
 * what the dead left, and finds it again when it was removed and made anew.
 */
import { statSync } from "node:fs";
import {
  type CrossProcessQueue,
  QueueClosedError,
  QueueExistsError,
  QueueNotFoundError,
  type QueueStatus,
} from "../../../src/queue/mod.ts";
import { say } from "../../standard_streams/output.ts";
import type { Executable } from "../../command_line/command_line.ts";
import { create } from "../create.ts";
import { openQueue } from "../../queues/open_queue.ts";
import type { QueueConfig } from "./config.ts";

/** What a keeper needs besides the queue's configuration. */
export interface KeeperInit {
  /** Shown by `stat`. */
  readonly participantName: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly executable: Executable;
  /** Called when the queue is there and was not before. */
  readonly onAppeared: (queue: string) => void;
}

/** A queue as it is now, or why it cannot be looked at. */
export type QueueView = QueueStatus | string;

/** Limits that a queue keeps for its life, as `create` and `info` call them. */
const fixedLimits = {
  maxMessages: "maxMessages",
  maxMessageSize: "maxMessageSize",
  maxHeadersSize: "maxHeadersSize",
  maxParticipants: "maxParticipants",
  maxDead: "maxDead",
  maxDeliver: "maxDeliver",
  lease: "leaseMs",
} as const;

/** The file behind a path. */
function fileAt(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One queue. */
export class QueueKeeper implements Disposable {
  readonly #init: KeeperInit;
  #config: QueueConfig;
  #queue: CrossProcessQueue | undefined;
  #file: string | undefined;
  #problem: string | undefined;
  #looking = false;
  #disposed = false;

  constructor(config: QueueConfig, init: KeeperInit) {
    this.#config = config;
    this.#init = init;
  }

  get config(): QueueConfig {
    return this.#config;
  }

  /** A new configuration counts from the next look on; an existing queue keeps its limits. */
  set config(config: QueueConfig) {
    this.#config = config;
    if (this.#queue !== undefined) this.#compareLimits(this.#queue);
  }

  /** What the queue says about itself; costs a look at every slot that was ever used. */
  view(): QueueView {
    if (this.#queue === undefined)
      return this.#problem ?? "it was not opened yet";
    try {
      return this.#queue.status();
    } catch (error) {
      return messageOf(error);
    }
  }

  /** One round: open it if it is there, find it again, sweep. Never throws; what is wrong is said once. */
  async look(): Promise<void> {
    // A journal that is rebuilt may take longer than the pause between two rounds.
    if (this.#looking) return;
    this.#looking = true;
    try {
      if (this.#queue !== undefined && this.#isReplaced(this.#queue))
        this.#leave();
      this.#queue ??= await this.#open();
      if (this.#queue === undefined) return;
      this.#queue.sweep("deaths");
      this.#queue.sweep();
      if (this.#problem !== undefined)
        say(`queue ${this.#config.name}: it is all right now`);
      this.#problem = undefined;
    } catch (error) {
      this.#leave();
      // Destroyed just now: the next round sees what has come in its place.
      if (!(error instanceof QueueClosedError)) this.#sayOnce(messageOf(error));
    } finally {
      this.#looking = false;
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#leave();
  }

  #leave(): void {
    this.#queue?.close();
    this.#queue = undefined;
  }

  #isReplaced(queue: CrossProcessQueue): boolean {
    // A queue that was removed by `rm` knows it; one whose file was removed by hand does not.
    return (
      queue.lifecycle() === "closed" || fileAt(queue.info.path) !== this.#file
    );
  }

  async #open(): Promise<CrossProcessQueue | undefined> {
    if (this.#config.creation !== undefined)
      await this.#create(this.#config.creation);
    let queue: CrossProcessQueue;
    try {
      queue = await openQueue(this.#config.name, {
        participantName: this.#init.participantName,
      });
    } catch (error) {
      if (!(error instanceof QueueNotFoundError)) throw error;
      this.#sayOnce("it is not there");
      return undefined;
    }
    this.#file = fileAt(queue.info.path);
    if (this.#disposed) {
      queue.close();
      return undefined;
    }
    queue.watch();
    this.#compareLimits(queue);
    this.#init.onAppeared(this.#config.name);
    return queue;
  }

  async #create(options: NonNullable<QueueConfig["creation"]>): Promise<void> {
    const { environment, executable } = this.#init;
    try {
      await create.run({
        options,
        operands: [this.#config.name],
        environment,
        executable,
        configPath: undefined,
      });
      // A journal may have been there before, which is said by whoever finds it.
      if (typeof options.journal !== "string")
        say(`queue ${this.#config.name}: created`);
    } catch (error) {
      if (!(error instanceof QueueExistsError)) throw error;
    }
  }

  #compareLimits({ info }: CrossProcessQueue): void {
    const { creation, name } = this.#config;
    for (const [option, field] of Object.entries(fixedLimits)) {
      const wanted = creation?.[option];
      const is = info[field];
      if (wanted !== undefined && wanted !== is)
        say(
          `queue ${name}: it was created with ${field} ${is} and keeps that; configured is ${wanted}`,
        );
    }
  }

  #sayOnce(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    say(`queue ${this.#config.name}: ${problem}`);
  }
}

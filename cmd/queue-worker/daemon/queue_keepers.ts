/** All queues that the daemon looks after, in rounds. */
import type { QueueConfig } from "./config.ts";
import { type KeeperInit, QueueKeeper } from "./queue_keeper.ts";

/** Keepers by the names of their queues. */
export class QueueKeepers implements Disposable {
  readonly #init: KeeperInit;
  readonly #keepers = new Map<string, QueueKeeper>();
  #timer: Timer | undefined;

  constructor(init: KeeperInit) {
    this.#init = init;
  }

  get all(): readonly QueueKeeper[] {
    return [...this.#keepers.values()];
  }

  /** Looks after exactly these from now on. @returns when each of them was looked at once */
  async aim(configs: readonly QueueConfig[], everyMs: number): Promise<void> {
    const names = new Set(configs.map(({ name }) => name));
    for (const [name, keeper] of this.#keepers) {
      if (names.has(name)) continue;
      keeper[Symbol.dispose]();
      this.#keepers.delete(name);
    }
    for (const config of configs) {
      const keeper = this.#keepers.get(config.name);
      if (keeper === undefined)
        this.#keepers.set(config.name, new QueueKeeper(config, this.#init));
      else keeper.config = config;
    }
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.#round(), everyMs);
    await this.#round();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const keeper of this.all) keeper[Symbol.dispose]();
  }

  async #round(): Promise<void> {
    await Promise.all(this.all.map((keeper) => keeper.look()));
  }
}

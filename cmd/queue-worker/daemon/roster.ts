/** All processes: brought from what runs to what a configuration wants, worker by worker. */
import type { ProcessPlan } from "./process_plan.ts";
import { ProcessSlot } from "./process_slot.ts";
import type { ChildInit } from "./worker_child.ts";

/** Names of workers, by what a new configuration means for them. */
export interface RosterChange {
  readonly started: readonly string[];
  /** Some process of them is replaced, added or drained. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly unchanged: readonly string[];
}

function distinct(names: Iterable<string>): string[] {
  return [...new Set(names)];
}

/** The daemon's processes. */
export class Roster {
  readonly #init: ChildInit;
  readonly #slots = new Map<string, ProcessSlot>();
  /** Slots that are to run something. */
  readonly #wanted = new Set<string>();
  /** Whether handlers of a process that has left were cut short. */
  cutShort = false;
  #empty = Promise.withResolvers<void>();

  constructor(init: ChildInit) {
    this.#init = init;
  }

  /** In the order of the configuration. */
  get slots(): readonly ProcessSlot[] {
    return [...this.#slots.values()];
  }

  /** Starts, replaces and drains until `plans` are what runs. What is the same already is left alone. */
  aim(plans: readonly ProcessPlan[]): RosterChange {
    const before = new Set(this.#workersOf(this.#wanted));
    const touched = new Set<string>();
    const names = new Set(plans.map(({ name }) => name));
    for (const name of [...this.#wanted]) {
      if (names.has(name)) continue;
      const slot = this.#slots.get(name);
      if (slot === undefined) continue;
      touched.add(slot.plan.worker);
      this.#wanted.delete(name);
      slot.drain();
    }
    for (const plan of plans) {
      const slot = this.#slots.get(plan.name);
      const isNew = !this.#wanted.has(plan.name);
      this.#wanted.add(plan.name);
      if (slot === undefined) this.#add(plan);
      const differs = slot?.aim(plan) === true;
      if (isNew || differs) touched.add(plan.worker);
    }
    const after = new Set(plans.map(({ worker }) => worker));
    const kept = [...after].filter((worker) => before.has(worker));
    return {
      started: [...after].filter((worker) => !before.has(worker)),
      changed: kept.filter((worker) => touched.has(worker)),
      removed: [...before].filter((worker) => !after.has(worker)),
      unchanged: kept.filter((worker) => !touched.has(worker)),
    };
  }

  /** Has every process leave in the same way; nothing is started again. */
  retire(how: (slot: ProcessSlot) => void): void {
    // What was cut short for a reload is no part of how the daemon ends.
    if (this.#wanted.size > 0) this.cutShort = false;
    this.#wanted.clear();
    for (const slot of this.slots) how(slot);
  }

  /** Replaces the processes of a worker, or one process. @returns the names of the processes, none when there is no such worker */
  restart(name: string): string[] {
    const found = this.slots.filter(
      (slot) =>
        this.#wanted.has(slot.name) &&
        (slot.name === name || slot.plan.worker === name),
    );
    for (const slot of found) slot.restart();
    return found.map((slot) => slot.name);
  }

  /** Workers and processes that can be restarted. */
  get workers(): string[] {
    return distinct(this.#workersOf(this.#wanted));
  }

  /** A queue is there that was not. */
  queueAppeared(queue: string): void {
    for (const slot of this.slots)
      if (slot.plan.queue === queue) slot.queueAppeared();
  }

  /** Resolves when nothing runs; for when everything was retired. */
  async untilEmpty(): Promise<void> {
    while (this.#slots.size > 0) await this.#empty.promise;
  }

  #workersOf(names: Iterable<string>): string[] {
    return [...names].flatMap(
      (name) => this.#slots.get(name)?.plan.worker ?? [],
    );
  }

  #add(plan: ProcessPlan): void {
    const onStopped = (): void => {
      if (this.#wanted.has(plan.name)) return;
      this.cutShort ||= this.#slots.get(plan.name)?.cutShort === true;
      this.#slots.delete(plan.name);
      if (this.#slots.size > 0) return;
      this.#empty.resolve();
      this.#empty = Promise.withResolvers();
    };
    this.#slots.set(plan.name, new ProcessSlot(plan, this.#init, onStopped));
  }
}

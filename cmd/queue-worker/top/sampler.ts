/** Everything that `top` shows, again and again. */
import { listQueues, parsePlace } from "../../../src/queue/mod.ts";
import { QueueWatch } from "./queue_watch.ts";
import type { QueueDetail, TopSample, WorkerRow } from "./rows.ts";
import { sampleWorkers } from "./worker_rows.ts";

function pathOf(queue: string): string {
  try {
    return parsePlace(queue).path;
  } catch {
    return queue;
  }
}

/** Takes samples of some queues, or of all of this user. */
export class Sampler implements Disposable {
  readonly #names: readonly string[];
  readonly #watches = new Map<string, QueueWatch>();
  #workers: readonly WorkerRow[] = [];
  #problem: string | null = null;
  #asking: Promise<void> | undefined;

  /** @param names none means all that there are at the time of a sample */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  #watch(): QueueWatch[] {
    const names =
      this.#names.length > 0
        ? [...new Set(this.#names)]
        : listQueues().map(({ name }) => name);
    for (const [name, watch] of this.#watches)
      if (!names.includes(name)) {
        watch[Symbol.dispose]();
        this.#watches.delete(name);
      }
    return names.map((name) => {
      const known = this.#watches.get(name) ?? new QueueWatch(name);
      this.#watches.set(name, known);
      return known;
    });
  }

  async #ask(): Promise<void> {
    try {
      this.#workers = await sampleWorkers();
      this.#problem = null;
    } catch (error) {
      // Queues can be looked at all the same.
      this.#workers = [];
      this.#problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.#asking = undefined;
    }
  }

  /**
   * One sample.
   *
   * @param patienceMs how long to wait for the workers; what those said that have not answered by then is from before
   * @throws {AccessFailedError} when the directory of the queues cannot be read
   */
  async sample(patienceMs: number): Promise<TopSample> {
    this.#asking ??= this.#ask();
    await Promise.race([this.#asking, Bun.sleep(patienceMs)]);
    const all = this.#workers;
    const watches = this.#watch();
    const pids = new Map<string, Set<number>>();
    for (const { queue, pid } of all) {
      if (queue === null) continue;
      const path = pathOf(queue);
      pids.set(path, (pids.get(path) ?? new Set()).add(pid));
    }
    const queues = await Promise.all(
      watches.map((watch) =>
        watch.sample(pids.get(pathOf(watch.name)) ?? new Set()),
      ),
    );
    return {
      atMs: Date.now(),
      queues,
      workers: this.#ofInterest(all),
      problem: this.#problem,
    };
  }

  /** All about one queue of the last sample; null when it cannot be read. */
  detail(name: string): QueueDetail | null {
    return this.#watches.get(name)?.detail() ?? null;
  }

  /** Of named queues only, when there are names; who is silent may belong to any. */
  #ofInterest(workers: readonly WorkerRow[]): readonly WorkerRow[] {
    if (this.#names.length === 0) return workers;
    const paths = new Set(this.#names.map(pathOf));
    return workers.filter(
      ({ queue, kind }) =>
        kind === "none" || (queue !== null && paths.has(pathOf(queue))),
    );
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches.values()) watch[Symbol.dispose]();
    this.#watches.clear();
  }
}

/**
 * The first process of a container is the parent of every orphan there: of what handlers left behind when they ended.
 * Somebody must take note of their ends, or they stay in the process table for ever.
 */
import { readdirSync, readFileSync } from "node:fs";
import { reapChild } from "../../../ffi/child_processes.ts";

/** The runtime takes note of its own children's ends much sooner, and must get to it first. */
const lookEveryMs = 1000;

/** Numbers of all processes; none without /proc. */
function processes(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Our children that are over and that nobody has taken note of. */
function zombieChildren(): Set<number> {
  const found = new Set<number>();
  for (const name of processes()) {
    try {
      // pid (name) state parent …, and the name may hold anything.
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z" && Number(parent) === process.pid)
        found.add(Number(name));
    } catch {
      // It has gone meanwhile.
    }
  }
  return found;
}

/** Reaps what was adopted, as long as it is not disposed. */
export class AdoptedChildren implements Disposable {
  readonly #timer: Timer;
  #before: Set<number> = new Set();

  constructor() {
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const zombies = zombieChildren();
    // Who was one a round ago was not started by the runtime.
    for (const pid of zombies) if (this.#before.has(pid)) reapChild(pid);
    this.#before = zombies;
  }
}

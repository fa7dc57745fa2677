/** Events with types, for whoever wants to hear them: nobody has to. */
import { warn } from "./warnings.ts";

type Listener<Value> = (value: Value) => void;

/** Events by name, each with the type of its value. */
export class TypedEvents<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls a function at each event of a name, until the function that this gives is called. */
  on<Name extends keyof Events>(
    name: Name,
    listener: Listener<Events[Name]>,
  ): () => void {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    // A function of its own, so that one listener can be added twice.
    const own: Listener<Events[Name]> = (value) => listener(value);
    listeners.add(own as Listener<never>);
    return () => {
      listeners.delete(own as Listener<never>);
    };
  }

  /** Tells all listeners. One that throws is named in a warning and disturbs nobody. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      try {
        (listener as Listener<Events[Name]>)(value);
      } catch (error) {
        warn(
          `a listener of "${String(name)}" threw ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
}

/** Queues for tests: unique names, removed after each test, also when it failed. */
import process from "node:process";
import {
  type ConnectOptions,
  type CreateOptions,
  CrossProcessQueue,
} from "../../src/queue/mod.ts";
import { afterEach } from "./testing.ts";

/** Makes queues that do not outlive their test. */
export interface QueueFixture {
  /** A name that no other test uses. */
  name(): string;
  /** Removes the queue of that name after the test. */
  own(name: string): string;
  create<T = unknown>(options?: CreateOptions<T>): CrossProcessQueue<T>;
  /** Another handle on the same queue. */
  connect<T = unknown>(
    queue: CrossProcessQueue<T>,
    options?: ConnectOptions<T>,
  ): CrossProcessQueue<T>;
}

let count = 0;

/** Call it once per file, outside of the tests. */
export function queueFixture(): QueueFixture {
  const handles: CrossProcessQueue<never>[] = [];
  const names: string[] = [];
  afterEach(() => {
    for (const handle of handles.splice(0)) handle.close();
    for (const name of names.splice(0)) CrossProcessQueue.destroy(name);
  });
  const fixture: QueueFixture = {
    name() {
      count++;
      return fixture.own(
        `test-${process.pid}-${Date.now().toString(36)}-${count}`,
      );
    },
    own(name) {
      names.push(name);
      return name;
    },
    create<T>(options: CreateOptions<T> = {}) {
      const queue = CrossProcessQueue.create<T>(fixture.name(), {
        maxMessages: 256,
        ...options,
      });
      handles.push(queue as unknown as CrossProcessQueue<never>);
      return queue;
    },
    connect<T>(queue: CrossProcessQueue<T>, options: ConnectOptions<T> = {}) {
      const other = CrossProcessQueue.connect<T>(queue.name, options);
      handles.push(other as unknown as CrossProcessQueue<never>);
      return other;
    },
  };
  return fixture;
}

/** The error that a call throws, or a promise rejects with; undefined when it does neither. */
export async function errorOf(body: () => unknown): Promise<unknown> {
  try {
    await body();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Looks every few milliseconds until `look` is true. @throws after `timeoutMs` */
export async function until(
  look: () => boolean,
  timeoutMs = 3000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!look()) {
    if (performance.now() > endMs)
      throw new Error(`not within ${timeoutMs} ms: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

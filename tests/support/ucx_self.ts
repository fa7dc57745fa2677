/** Workers of one process that are connected with each other, for tests. */
import { Buffer } from "node:buffer";
import {
  type EndpointId,
  UcxWorker,
  type WorkerConfig,
} from "../../src/ucx/mod.ts";

/** The transports that tests go over. */
export const transports = {
  tcp: { TLS: "tcp", NET_DEVICES: "lo" },
  "shared memory": { TLS: "posix,cma,tcp", NET_DEVICES: "lo" },
} as const;

/** A worker that is connected with itself: what is sent to `to` comes from `from`. */
export interface SelfConnection {
  readonly worker: UcxWorker;
  readonly to: EndpointId;
  readonly from: EndpointId;
}

/** Connects a worker with itself by way of a listener. */
export function connectSelf(worker: UcxWorker): {
  readonly to: EndpointId;
  readonly from: EndpointId;
} {
  const before = new Set(worker.getEndpointIds());
  using listener = worker.createListener("127.0.0.1:0");
  const to = worker.connect(listener.address);
  const from = worker
    .getEndpointIds()
    .find((id) => id !== to && !before.has(id));
  if (from === undefined) throw new Error("the other side is not there");
  return { to, from };
}

/** Makes workers that are closed after each test. */
export function selfFixture(): {
  connect(config?: WorkerConfig): SelfConnection;
  closeAll(): void;
} {
  const open: UcxWorker[] = [];
  return {
    connect(config = {}) {
      const worker = new UcxWorker({
        ucx: transports.tcp,
        timeoutMs: 10_000,
        ...config,
      });
      open.push(worker);
      return { worker, ...connectSelf(worker) };
    },
    closeAll() {
      for (const worker of open.splice(0)) worker.close({ timeoutMs: 500 });
    },
  };
}

/** Progresses until something is the case. @throws when it is not within `limitMs` */
export function progressUntil(
  worker: UcxWorker,
  what: string,
  done: () => boolean,
  limitMs = 10_000,
): void {
  const endMs = performance.now() + limitMs;
  while (!done()) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`);
    worker.progress();
  }
}

/** Bytes that are the same for no other seed. */
export function pattern(
  byteLength: number,
  seed: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(byteLength));
  for (let index = 0; index < byteLength; index++)
    bytes[index] = (index * 31 + seed * 7 + (index >>> 8)) & 255;
  return bytes;
}

/** Whether two pieces of memory hold the same. */
export function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

import { UcxWorker, type WorkerConfig } from "../../src/ucx/mod.ts";

/** What tests run over, as UCX's own keys. */
export const loopTransports = {
  tcp: { TLS: "tcp", NET_DEVICES: "lo" },
  "shared memory": { TLS: "posix,cma,tcp", NET_DEVICES: "lo" },
} as const;

/** A worker that is connected to itself: what is sent to `near` comes in at `far`. */
export class UcxLoop {
  readonly worker: UcxWorker;
  readonly near: number;
  readonly far: number;

  constructor(config: WorkerConfig) {
    this.worker = new UcxWorker(config);
    const listener = this.worker.createListener("127.0.0.1:0");
    this.near = this.worker.connect(listener.address);
    const ids = this.worker.getEndpointIds();
    this.far = ids.find((id) => id !== this.near) ?? 0;
    listener.close();
  }

  [Symbol.dispose](): void {
    this.worker.close();
  }
}

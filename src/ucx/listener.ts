/** A listening socket of a worker. */
import type { SocketAddress } from "../../ffi/ucp/socket_address.ts";
import type { AcceptHook } from "./core/accepting.ts";
import { addressText, type NativeListener } from "./core/native_worker.ts";
import type { WorkerCore } from "./core/worker_core.ts";

/** Listens until it is closed, or its worker. Connections that it accepted outlive it. */
export class UcxListener {
  /** Where it listens, with the port that the system chose. */
  readonly host: string;
  readonly port: number;
  readonly #core: WorkerCore;
  readonly #native: NativeListener;
  #closed = false;

  /** Use {@linkcode UcxWorker.createListener}. */
  constructor(
    core: WorkerCore,
    address: SocketAddress,
    accept: AcceptHook | undefined,
  ) {
    this.#core = core;
    const { native, connections } = core;
    // The first requests can only come when UCX is progressed, and the listener is set by then.
    this.#native = native.listen(address, (request) =>
      connections.requested(this.#native.handle, request, accept),
    );
    this.host = this.#native.address.address;
    this.port = this.#native.address.port;
    core.closers.add(this);
  }

  /** `host:port` */
  get address(): string {
    return addressText({ address: this.host, port: this.port });
  }

  /** Stops listening. Requests that nobody looked at are refused. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#core.closers.delete(this);
    this.#core.connections.dropRequests(this.#native.handle);
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** All registered and remote memory of a worker, and in which order it goes. */
import type { EndpointUser } from "../core/closing.ts";
import type { Endpoint } from "../core/endpoint.ts";
import type { NativeWorker } from "../core/native_worker.ts";
import type { Requests } from "../core/requests.ts";
import { UcxInvalidKeyError } from "../errors.ts";
import { decodeMemoryKey } from "./memory_key.ts";
import { UcxMemory } from "./registered_memory.ts";
import { RemoteMemory } from "./remote_memory.ts";

/** Memory of one worker. */
export class Memories implements EndpointUser {
  readonly #native: NativeWorker;
  readonly #requests: Requests;
  readonly #raw: boolean;
  readonly #registered = new Set<UcxMemory>();
  readonly #remote = new Map<Endpoint, Set<RemoteMemory>>();

  constructor(native: NativeWorker, requests: Requests, raw: boolean) {
    this.#native = native;
    this.#requests = requests;
    this.#raw = raw;
  }

  /** @throws {UcxError} what UCX says of it */
  register(memory: Uint8Array | number, writable: boolean): UcxMemory {
    const registered = new UcxMemory({
      native: this.#native,
      memory,
      writable,
      ownerId: this.#raw ? 0 : this.#native.id,
      onClose: (closed) => this.#registered.delete(closed),
    });
    this.#registered.add(registered);
    return registered;
  }

  /**
   * @throws {UcxInvalidKeyError} when the key is damaged, or not of that peer
   * @throws {UcxError} when UCX does not take it
   */
  import(endpoint: Endpoint, bytes: Uint8Array): RemoteMemory {
    const key = decodeMemoryKey(bytes);
    if (!this.#raw && key.ownerId !== endpoint.peerWorkerId)
      throw new UcxInvalidKeyError(
        `the key is not of the worker that endpoint ${endpoint.id} is connected to`,
        { endpointId: endpoint.id },
      );
    const memory = new RemoteMemory(endpoint, key, {
      native: this.#native,
      requests: this.#requests,
      onClose: (closed) => this.#remote.get(endpoint)?.delete(closed),
    });
    const known = this.#remote.get(endpoint);
    if (known === undefined) this.#remote.set(endpoint, new Set([memory]));
    else known.add(memory);
    return memory;
  }

  /** A goodbye changes nothing: what is under way may end. */
  left(): void {}

  /** Keys go before their endpoint; with operations under way, right after it has ended them. */
  ending(endpoint: Endpoint): void {
    for (const memory of [...(this.#remote.get(endpoint) ?? [])])
      memory.close();
  }

  forget(endpoint: Endpoint): void {
    this.#remote.delete(endpoint);
  }

  /** After all connections, since a peer may write as long as there is one; before the worker. */
  destroy(): void {
    for (const memory of [...this.#registered]) memory.close();
  }
}

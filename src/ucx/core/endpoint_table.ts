/** The connections of a worker, by each of their names, and what they have counted. */
import type { Handle } from "../../../ffi/host.ts";
import { addCounters, Counters } from "../statistics.ts";
import type { Endpoint } from "./endpoint.ts";
import { WireIds } from "./wire_ids.ts";

/** Connections that are closed and have messages that nobody received; the oldest is let go beyond that. */
const closedEndpointsMax = 1024;

/** Every connection that UCX has an endpoint for, and closed ones with messages that may still be received. */
export class EndpointTable {
  readonly wireIds = new WireIds();
  /** What connections that were let go had counted. */
  readonly #past = new Counters();
  readonly #live = new Map<number, Endpoint>();
  readonly #closed = new Map<number, Endpoint>();
  readonly #byWireId = new Map<number, Endpoint>();
  readonly #byHandle = new Map<Handle, Endpoint>();
  #nextId = 1;

  /** Connections that are not closed. */
  get count(): number {
    return this.#live.size;
  }

  /** An id that no connection of this worker had before. */
  nextId(): number {
    return this.#nextId++;
  }

  /** Whether an id is or was a connection's. */
  wasGiven(id: number): boolean {
    return Number.isInteger(id) && id >= 1 && id < this.#nextId;
  }

  add(endpoint: Endpoint): void {
    this.#live.set(endpoint.id, endpoint);
    this.#byWireId.set(endpoint.wireId, endpoint);
  }

  /** UCX has made it. */
  setHandle(endpoint: Endpoint, handle: Handle): void {
    endpoint.handle = handle;
    this.#byHandle.set(handle, endpoint);
  }

  /** Those that are not closed. */
  list(): IterableIterator<Endpoint> {
    return this.#live.values();
  }

  /** Ids of those that messages may be received of: open ones, and closed ones with messages that nobody received. */
  receivableIds(): number[] {
    const ids: number[] = [];
    for (const { id, state } of this.#live.values())
      if (state === "open" || state === "left") ids.push(id);
    return ids.concat([...this.#closed.keys()]);
  }

  /** By the user's id, also when it is closed and not let go. */
  get(id: number): Endpoint | undefined {
    return this.#live.get(id) ?? this.#closed.get(id);
  }

  /** By the id in the tags of messages to us, also when it is closed and not let go. */
  byWireId(wireId: number): Endpoint | undefined {
    return this.#byWireId.get(wireId);
  }

  byHandle(handle: Handle): Endpoint | undefined {
    return this.#byHandle.get(handle);
  }

  /** UCX's endpoint is given up: its address may soon be another's. Gives the handle, or 0 when it was gone before. */
  takeHandle(endpoint: Endpoint): Handle {
    const { handle } = endpoint;
    if (handle) this.#byHandle.delete(handle);
    endpoint.handle = 0;
    return handle;
  }

  /** It is closed. Gives another one that must be let go, because there are too many. */
  close(endpoint: Endpoint): Endpoint | undefined {
    this.#live.delete(endpoint.id);
    this.#closed.set(endpoint.id, endpoint);
    if (this.#closed.size <= closedEndpointsMax) return undefined;
    const [oldest] = this.#closed.values();
    return oldest;
  }

  /** Takes a closed one out for good. Returns whether it was there. */
  forget(endpoint: Endpoint): boolean {
    if (!this.#closed.delete(endpoint.id)) return false;
    this.#byWireId.delete(endpoint.wireId);
    this.wireIds.give(endpoint.wireId);
    addCounters(this.#past, endpoint.counters);
    return true;
  }

  /** What all connections have counted, those that were let go too. */
  total(): Counters {
    const sum = new Counters();
    addCounters(sum, this.#past);
    for (const endpoint of this.#live.values())
      addCounters(sum, endpoint.counters);
    for (const endpoint of this.#closed.values())
      addCounters(sum, endpoint.counters);
    return sum;
  }
}

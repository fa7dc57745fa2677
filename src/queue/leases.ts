/** Jobs that are out: finds dropped ones, renews kept ones, and tells those whose lease is lost. */
import { RENEWAL } from "../../ffi/shm/layout.ts";
import { warn } from "../base/warnings.ts";
import type { QueueHandle } from "./handle.ts";

/** What the bookkeeping must know of a job. */
export interface Leased {
  readonly settled: boolean;
  /** Whether the finalizer knows of it. */
  registered: boolean;
  /** Held by the finalizer instead of the job. */
  readonly ticket: LeaseTicket;
}

/** Names a lease to the shim. */
export interface LeaseTicket {
  readonly slot: number;
  readonly tokenLo: number;
  readonly tokenHi: number;
  /** Of a zero-copy job: has the view of shared memory forgotten. */
  readonly forgetView: (() => void) | undefined;
}

/** A job whose lease is looked after. */
export interface Watched extends Leased {
  /** Called at most once. */
  loseLease(why: "lost" | "cancelled" | "stalled"): void;
}

/** Jobs that may be out before those of them that are still unsettled are registered for finding dropped ones. */
const freshMax = 256;
/** Milliseconds after which fewer of them are registered too. */
const freshMs = 20;
/** Milliseconds between looks at watched leases; also the heartbeat that renewal needs. */
const watchIntervalMs = 50;

/** Deno's and Bun's timers keep a process alive unless told otherwise. */
function letExit(timer: unknown): void {
  (timer as { unref?(): void }).unref?.();
}

interface Dropped {
  readonly leases: Leases;
  readonly ticket: LeaseTicket;
}

const droppedJobs = new FinalizationRegistry<Dropped>(({ leases, ticket }) =>
  leases.returnDropped(ticket),
);

/** The leases of one handle. */
export class Leases {
  readonly handle: QueueHandle;
  /**
   * Taken a moment ago. Registering a job with the finalizer costs more than taking and acknowledging it, and most jobs
   * are settled before the loop turns; so only those that are not are registered.
   */
  #fresh: Leased[] = [];
  #freshTimer: ReturnType<typeof setTimeout> | undefined;
  /** Weakly: what is only renewed, but held by nobody, was dropped. */
  readonly #watched = new Set<WeakRef<Watched>>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(handle: QueueHandle) {
    this.handle = handle;
    handle.beforeClose(() => this.#close());
  }

  /** Makes sure that the job is returned when it is dropped. */
  track<J extends Leased>(job: J): J {
    if (this.#fresh.push(job) >= freshMax) this.#registerFresh();
    if (this.#freshTimer === undefined) {
      this.#freshTimer = setTimeout(this.#onFreshTimer, freshMs);
      letExit(this.#freshTimer);
    }
    return job;
  }

  /** Looks after a lease until it is settled, or the job is dropped. Give the reference to `unwatch`. */
  watch(job: Watched): WeakRef<Watched> {
    const reference = new WeakRef(job);
    this.#watched.add(reference);
    this.#startTimer();
    return reference;
  }

  unwatch(reference: WeakRef<Watched>): void {
    if (this.#watched.delete(reference) && this.#watched.size === 0)
      this.#stopTimer();
  }

  /** Tells the finalizer of a job, or of its new token. */
  register(job: Leased): void {
    this.forget(job);
    job.registered = true;
    droppedJobs.register(job, { leases: this, ticket: job.ticket }, job);
  }

  /** A job that was settled at once, as most are, is let go at once: the last 256 bodies may be a lot of memory. */
  letGo(job: Leased): void {
    const fresh = this.#fresh;
    if (fresh[fresh.length - 1] === job) fresh.pop();
    this.forget(job);
  }

  /** A settled job needs no finalizer. */
  forget(job: Leased): void {
    if (job.registered) droppedJobs.unregister(job);
  }

  /** By the finalizer: the job object is gone, but its lease is not. */
  returnDropped(ticket: LeaseTicket): void {
    const { handle } = this;
    ticket.forgetView?.();
    if (handle.closed) return;
    // Ends the renewal as well.
    const result = handle.shim.rwq_nack(
      handle.address,
      ticket.slot,
      ticket.tokenLo,
      ticket.tokenHi,
      0,
      0,
    );
    if (ticket.forgetView !== undefined)
      handle.shim.rwq_release_view(handle.address);
    if (result >= 0)
      warn(
        `a job of queue ${handle.place.name} was dropped unsettled; it was given back`,
      );
  }

  readonly #registerFresh = (): void => {
    const fresh = this.#fresh;
    if (fresh.length === 0) return;
    this.#fresh = [];
    for (const job of fresh) {
      if (!(job.settled || job.registered)) this.register(job);
    }
  };

  readonly #onFreshTimer = (): void => {
    this.#freshTimer = undefined;
    this.#registerFresh();
  };

  #look(): void {
    const { shim, address } = this.handle;
    shim.rwq_heartbeat(address);
    for (const reference of this.#watched) {
      const job = reference.deref();
      if (job === undefined) {
        this.unwatch(reference);
        continue;
      }
      const { slot, tokenLo, tokenHi } = job.ticket;
      const state = shim.rwq_renewal(address, slot, tokenLo, tokenHi);
      if (state === RENEWAL.lost) job.loseLease("lost");
      else if (state === RENEWAL.cancelled) job.loseLease("cancelled");
      else if (state === RENEWAL.stalled) job.loseLease("stalled");
    }
  }

  /** By itself, so that its closure holds no job. */
  #startTimer(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#look(), watchIntervalMs);
    letExit(this.#timer);
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #close(): void {
    this.#stopTimer();
    clearTimeout(this.#freshTimer);
    this.#fresh = [];
    for (const reference of [...this.#watched])
      reference.deref()?.loseLease("lost");
    this.#watched.clear();
  }
}

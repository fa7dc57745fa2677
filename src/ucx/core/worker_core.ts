/**
 * A worker and everything that happens on it: what both levels, the blocking and the asynchronous one, are made of.
 * Nothing here waits, except for `waitUntil`.
 */
import { pollDescriptor } from "../../../ffi/poll_descriptor.ts";
import type { Handle } from "../../../ffi/host.ts";
import type { UcpFunctions, UcpLibrary } from "../../../ffi/ucp/library.ts";
import { UcxClosedError } from "../errors.ts";
import { Counters } from "../statistics.ts";
import { checkStatus } from "../status_errors.ts";
import { exactMask, userTagMax, wireMask, wireTag } from "../tags.ts";
import { ActiveMessages } from "../active_messages/active_messages.ts";
import { Memories } from "../memory/memories.ts";
import { Streams } from "../streams/streams.ts";
import type { ResolvedWorkerConfig } from "../worker_config.ts";
import { asError, type ConnectionHooks } from "./closing.ts";
import { Connections } from "./connections.ts";
import { type Endpoint, type TagMatch, tagMatch } from "./endpoint.ts";
import { NativeWorker } from "./native_worker.ts";
import { Requests } from "./requests.ts";
import { Spill } from "./spill.ts";
import { TagMessages } from "./tag_messages.ts";

const busy = -15;
/** Turns between two looks at the clock, while something has a deadline. */
const turnsPerClock = 64;
/** Requests can become done without `ucp_worker_progress` telling. */
const turnsPerPoll = 16;
/** Longest sleep in one piece, so that deadlines of connections are kept. */
const sleepMsMax = 100;

/** Given how much happened in the turn so far, gives how much it did. */
type Step = (happened: number) => number;

/** A UCX worker with its connections, messages and requests. */
export class WorkerCore {
  readonly config: ResolvedWorkerConfig;
  readonly native: NativeWorker;
  readonly requests: Requests;
  readonly connections: Connections;
  readonly messages: TagMessages;
  readonly streams: Streams;
  readonly activeMessages: ActiveMessages;
  readonly memories: Memories;
  readonly spill: Spill;
  /** What belongs to no connection. */
  readonly unattributed = new Counters();
  /** What has to be closed before the worker. */
  readonly closers = new Set<{ close(): void }>();
  readonly startedMs: number = performance.now();
  /** What UCX counted in all turns, its own keep-alive included; a part of what `progress` tells. */
  nativeEvents = 0;
  #turns = 0;
  #closed = false;
  /** Run at each turn of progress. */
  readonly #steps: Step[] = [];
  // What each turn needs, without looking for it.
  readonly #progressNative: UcpFunctions["ucp_worker_progress"];
  readonly #worker: Handle;

  /** @throws {UcxError} what UCX says of it */
  constructor(
    library: UcpLibrary,
    config: ResolvedWorkerConfig,
    hooks: ConnectionHooks,
  ) {
    this.config = config;
    this.native = new NativeWorker(library, config);
    this.#progressNative = this.native.functions.ucp_worker_progress;
    this.#worker = this.native.worker;
    this.spill = new Spill(config.spillBytes);
    this.requests = new Requests(
      this.native.functions,
      this.native.worker,
      (operation) => this.messages.onReceived(operation),
    );
    this.connections = new Connections(
      this.native,
      this.requests,
      config,
      hooks,
    );
    const { connections } = this;
    this.messages = new TagMessages({
      native: this.native,
      requests: this.requests,
      spill: this.spill,
      raw: config.raw,
      creditMessages: config.creditMessages,
      unattributed: this.unattributed,
      endpointOf: (wireId) => connections.table.byWireId(wireId),
      overflow: (endpoint) => connections.closing.overflow(endpoint),
      forgetIfEmpty: (endpoint) => connections.closing.forgetIfEmpty(endpoint),
      sendControl: (endpoint, message) =>
        connections.sendControl(endpoint, message),
    });
    connections.messages = this.messages;
    this.streams = new Streams({
      native: this.native,
      requests: this.requests,
      raw: config.raw,
      windowBytes: config.streamWindowBytes,
      byHandle: (handle) => connections.table.byHandle(handle),
      end: (endpoint, error) => connections.closing.end(endpoint, error),
      forgetIfEmpty: (endpoint) => connections.closing.forgetIfEmpty(endpoint),
      sendControl: (endpoint, message) =>
        connections.sendControl(endpoint, message),
    });
    this.memories = new Memories(this.native, this.requests, config.raw);
    if (config.enableRma) connections.users.add(this.memories);
    this.activeMessages = new ActiveMessages({
      native: this.native,
      requests: this.requests,
      raw: config.raw,
      maxMessageSize: config.maxMessageSize,
      byHandle: (handle) => connections.table.byHandle(handle),
      onError: (error) => hooks.onError(asError(error)),
    });
    if (config.enableActiveMessages)
      this.addStep(() => this.activeMessages.step());
    if (config.enableStream) {
      connections.users.add(this.streams);
      this.addStep(() => this.streams.step());
    }
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** @throws {UcxClosedError} when the worker was closed */
  checkOpen(): void {
    if (this.#closed) throw new UcxClosedError("the worker is closed");
  }

  /** Adds something to be done at each turn; it is given how much happened in the turn so far, and gives how much it did. */
  addStep(step: Step): void {
    this.#steps.push(step);
  }

  /** Lets UCX work, and handles what came of it. Runs hooks of the user. Returns how much happened; 0 for nothing. */
  progress(): number {
    return this.#closed ? 0 : this.settle(this.#progressNative(this.#worker));
  }

  /** The same for several turns, until something happens. Only what UCX counts ends it early. */
  progressFor(turns: number): number {
    return this.#closed ? 0 : this.settle(this.native.tagPort.progress(turns));
  }

  /** Handles what came of turns of UCX, of which it counted so much. Returns how much happened in all. */
  settle(counted: number): number {
    if (this.#closed) return counted;
    let happened = counted;
    const turn = ++this.#turns;
    const { connections, requests } = this;
    const steps = this.#steps;
    if (happened > 0) {
      this.nativeEvents += happened;
      if (this.messages.starvedCount > 0) this.messages.drainDeadlocked();
    }
    if (requests.count > 0 && (happened > 0 || turn % turnsPerPoll === 0))
      happened += requests.poll();
    // Here and below, a hook that ran may have closed it.
    if (this.#closed) return happened;
    if (connections.hasEvents) happened += connections.handleEvents();
    if (this.#closed) return happened;
    for (let index = 0; index < steps.length; index++)
      happened += (steps[index] as Step)(happened);
    if (turn % turnsPerClock === 0) this.checkDeadlines();
    return happened;
  }

  /** Ends what has taken too long. */
  checkDeadlines(): void {
    if (this.connections.closing.deadlineMs !== Number.POSITIVE_INFINITY)
      this.connections.closing.checkDeadlines(performance.now());
  }

  /** Makes UCX's descriptor tell of the next event. False when there is something to progress first. */
  arm(): boolean {
    const status = this.native.functions.ucp_worker_arm(this.native.worker);
    if (status === busy) return false;
    checkStatus(status, "ucp_worker_arm");
    return true;
  }

  /**
   * Progresses until `done`, on this thread, which is blocked meanwhile: spinning first, then asleep on UCX's descriptor.
   *
   * @param deadlineMs on the clock of `performance.now()`
   * @returns whether it was done in time
   */
  waitUntil(done: () => boolean, deadlineMs: number): boolean {
    const { spinUs } = this.config;
    let idleSinceMs = performance.now();
    for (;;) {
      let happened = 0;
      for (let turn = 0; turn < turnsPerClock; turn++) {
        happened += this.progress();
        if (done()) return true;
        if (this.#closed) return false;
      }
      const nowMs = performance.now();
      if (nowMs >= deadlineMs) return done();
      if (happened > 0) idleSinceMs = nowMs;
      else if ((nowMs - idleSinceMs) * 1000 >= spinUs)
        this.sleep(
          Math.min(deadlineMs, this.connections.closing.deadlineMs) - nowMs,
        );
      this.checkDeadlines();
    }
  }

  /**
   * The same for what UCX's own thread brings about, such as a connection: it sleeps as soon as there is nothing to do.
   * Spinning would take the processor, and the lock, that the other thread needs.
   */
  waitAsleepUntil(done: () => boolean, deadlineMs: number): boolean {
    for (;;) {
      const happened = this.progress();
      if (done()) return true;
      if (this.#closed) return false;
      const nowMs = performance.now();
      if (nowMs >= deadlineMs) return false;
      if (happened === 0)
        this.sleep(
          Math.min(deadlineMs, this.connections.closing.deadlineMs) - nowMs,
        );
      this.checkDeadlines();
    }
  }

  /** Blocks the thread until UCX has something to progress, at most so long. */
  sleep(timeoutMs: number): void {
    // A hook that ran meanwhile may have closed it.
    if (this.#closed || timeoutMs <= 0 || !this.arm()) return;
    pollDescriptor(
      this.native.eventDescriptor,
      Math.min(timeoutMs, sleepMsMax),
    );
  }

  #lastMatch: TagMatch | undefined;
  #lastTag: number | bigint | undefined;
  #lastMask = 0n;

  /**
   * Which messages a receive takes.
   *
   * @param endpoint whose messages; undefined for those of all
   * @param tag undefined for any
   * @param mask bits of the tag that must be equal. @default all
   */
  match(
    endpoint: Endpoint | undefined,
    tag: number | bigint | undefined,
    mask: bigint = exactMask,
  ): TagMatch {
    if (endpoint !== undefined && mask === exactMask && tag !== undefined)
      return endpoint.match(tag);
    const last = this.#lastMatch;
    if (
      last !== undefined &&
      last.endpoint === endpoint &&
      this.#lastTag === tag &&
      this.#lastMask === mask
    )
      return last;
    const userMask = tag === undefined ? 0n : mask;
    const userTag = BigInt(tag ?? 0n) & userMask;
    const match = this.config.raw
      ? tagMatch(userTag, userMask, endpoint)
      : tagMatch(
          wireTag(endpoint?.wireId ?? 0, userTag & BigInt(userTagMax)),
          wireMask(endpoint !== undefined, userMask),
          endpoint,
        );
    this.#lastTag = tag;
    this.#lastMask = mask;
    this.#lastMatch = match;
    return match;
  }

  /** Closes everything at once; what is open is cut off. Idempotent. */
  destroy(): void {
    if (this.#closed) return;
    for (const closer of [...this.closers]) closer.close();
    this.connections.closing.endAll();
    this.requests.cancelAll();
    for (let turn = 0; turn < 1000 && this.requests.count > 0; turn++)
      this.progress();
    // Whoever has connected in the meantime.
    this.connections.drop();
    this.activeMessages.destroy();
    this.memories.destroy();
    this.#closed = true;
    this.native.destroy();
    this.requests.abandon();
  }
}

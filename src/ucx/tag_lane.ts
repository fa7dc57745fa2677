/**
 * The shortest way of messages over one connection. A tag and a buffer that were found to be right need not be looked at
 * again, and one method does what otherwise takes five: calls between methods cost as much here as UCX itself.
 */
import type { Handle } from "../../ffi/host.ts";
import type { UcpFunctions } from "../../ffi/ucp/library.ts";
import { TAKE, type TagPort } from "../../ffi/ucp/tag_port.ts";
import type { Endpoint, TagMatch } from "./core/endpoint.ts";
import { NativeSizes } from "./core/native_sizes.ts";
import type { Spill } from "./core/spill.ts";
import type { WorkerCore } from "./core/worker_core.ts";
import type { TagCalls } from "./tag_calls.ts";

/** Turns of progress while no message has come, before the long way is taken. */
const turns = 128;
/** Calls between two turns of progress, so that nothing else is forgotten. A power of two. */
const callsPerTurn = 64;
/** Views above it are not remembered, since that keeps their memory. */
const rememberedBytesMax = 64 * 1024;

/** What `receive` gives when the long way has to be taken. */
export const notByLane = -1;

/** Messages of one connection that is not raw. */
export class TagLane {
  readonly #calls: TagCalls;
  readonly #core: WorkerCore;
  readonly #endpoint: Endpoint;
  readonly #spill: Spill;
  readonly #port: TagPort;
  readonly #sendNative: UcpFunctions["ucp_tag_send_nbx"];
  readonly #plain: Handle;
  readonly #sizes = new NativeSizes();
  #turn = 0;

  // What was sent last.
  #sendTag: number | bigint | undefined;
  #wireTag: Handle = 0;
  #data: unknown;
  #dataBytes = 0;
  #dataSize: number | bigint = 0;

  // What was received into last.
  #receiveTag: number | bigint | undefined;
  #match: TagMatch | undefined;
  #buffer: unknown;
  #bufferBytes = 0;

  constructor(calls: TagCalls, endpoint: Endpoint) {
    const { core } = calls;
    this.#calls = calls;
    this.#core = core;
    this.#endpoint = endpoint;
    this.#spill = core.spill;
    this.#port = core.native.tagPort;
    this.#sendNative = core.native.functions.ucp_tag_send_nbx;
    this.#plain = core.native.params.plain;
  }

  /** Remembers what {@linkcode TagCalls.send} has found to be right. */
  rememberSend(tag: number | bigint, data: unknown): void {
    if (!(data instanceof Uint8Array)) return;
    this.#data = undefined;
    const { byteLength } = data;
    if (byteLength === 0 || byteLength > rememberedBytesMax) return;
    this.#sendTag = tag;
    this.#wireTag = this.#endpoint.sendTag(tag);
    this.#data = data;
    this.#dataBytes = byteLength;
    this.#dataSize = this.#sizes.at(byteLength);
  }

  /**
   * Sends what was sent before once more.
   *
   * @returns whether that was done; otherwise nothing was
   * @throws as {@linkcode TagCalls.send}
   */
  send(tag: number | bigint, data: unknown): boolean {
    const endpoint = this.#endpoint;
    if (
      data !== this.#data ||
      tag !== this.#sendTag ||
      // A buffer that is gone has no bytes.
      (data as Uint8Array).byteLength !== this.#dataBytes ||
      endpoint.sent >= endpoint.sendLimit ||
      endpoint.queuedSends > 0 ||
      endpoint.state !== "open" ||
      this.#core.isClosed
    )
      return false;
    const request = this.#sendNative(
      endpoint.handle,
      data as Uint8Array,
      this.#dataSize,
      this.#wireTag,
      this.#plain,
    );
    if (request) {
      this.#calls.sendBegun(endpoint, data as Uint8Array, request);
      return true;
    }
    endpoint.sent++;
    const { counters } = endpoint;
    counters.messagesSent++;
    counters.bytesSent += this.#dataBytes;
    if (++this.#turn % callsPerTurn === 0) this.#core.progress();
    return true;
  }

  /** Remembers what {@linkcode TagCalls.receive} has found to be right. */
  rememberReceive(tag: number | bigint | undefined, buffer: unknown): void {
    if (tag === undefined || !(buffer instanceof Uint8Array)) return;
    this.#buffer = undefined;
    const { byteLength } = buffer;
    if (byteLength === 0 || byteLength > rememberedBytesMax) return;
    this.#receiveTag = tag;
    this.#match = this.#endpoint.match(tag);
    this.#buffer = buffer;
    this.#bufferBytes = byteLength;
  }

  /**
   * Receives into what was received into before, while a message comes soon.
   *
   * @returns its bytes, or `notByLane`
   * @throws as {@linkcode TagCalls.receive}
   */
  receive(tag: number | bigint | undefined, buffer: unknown): number {
    const endpoint = this.#endpoint;
    const core = this.#core;
    if (
      buffer !== this.#buffer ||
      tag !== this.#receiveTag ||
      (buffer as Uint8Array).byteLength !== this.#bufferBytes ||
      this.#spill.count > 0 ||
      endpoint.state !== "open" ||
      core.isClosed
    )
      return notByLane;
    const result = this.#port.take(
      this.#match as TagMatch,
      buffer as Uint8Array,
      turns,
    );
    if (result !== TAKE.taken) {
      if (result !== TAKE.nothing)
        return this.#calls.receiveFound(
          this.#match as TagMatch,
          buffer as Uint8Array,
          result,
        );
      core.settle(this.#port.events);
      return notByLane;
    }
    const bytes = this.#port.length;
    core.messages.countTaken(endpoint, bytes);
    if (++this.#turn % callsPerTurn === 0) core.progress();
    return bytes;
  }
}

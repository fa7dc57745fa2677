/** Structures of contexts and workers. */
import {
  UCP_ATTR_FIELD,
  UCP_LIB_ATTR_FIELD,
  UCP_PARAM_FIELD,
  UCP_WORKER_ADDRESS_ATTR_FIELD,
  UCP_WORKER_ADDRESS_FLAG,
  UCP_WORKER_ATTR_FIELD,
  UCP_WORKER_FLAG,
  UCP_WORKER_PARAM_FIELD,
} from "./constants.ts";
import type { Handle } from "../host.ts";
import { ucpLayout } from "./layout.ts";
import { cString } from "./native_memory.ts";
import { NativeStruct } from "./native_struct.ts";

/** What `ucp_init_version` is told. */
export interface ContextOptions {
  /** Bits of `UCP_FEATURE`. */
  readonly features: number;
  /** The bits of a tag that tell senders apart; UCX hashes by them. @default none */
  readonly tagSenderMask?: bigint;
  /** Workers of this context run on several threads. @default false */
  readonly workersShared?: boolean;
  /** How many endpoints to expect; a hint that chooses transports. @default UCX's */
  readonly estimatedEndpoints?: number;
  /** How many processes on this host take part; a hint. @default UCX's */
  readonly estimatedProcessesPerNode?: number;
  /** Shown in logs and by the `print_info` functions; UCX cuts it at 31 bytes. @default UCX's */
  readonly name?: string;
}

/** `ucp_params_t` */
export function createContextParameters(
  options: ContextOptions,
): NativeStruct<typeof ucpLayout.ucp_params_t> {
  const struct = new NativeStruct(ucpLayout.ucp_params_t);
  struct
    .addToMask(UCP_PARAM_FIELD.FEATURES)
    .write("features", options.features);
  if (options.tagSenderMask !== undefined) {
    struct
      .addToMask(UCP_PARAM_FIELD.TAG_SENDER_MASK)
      .write("tag_sender_mask", options.tagSenderMask);
  }
  if (options.workersShared !== undefined) {
    struct
      .addToMask(UCP_PARAM_FIELD.MT_WORKERS_SHARED)
      .write("mt_workers_shared", options.workersShared ? 1 : 0);
  }
  if (options.estimatedEndpoints !== undefined) {
    struct
      .addToMask(UCP_PARAM_FIELD.ESTIMATED_NUM_EPS)
      .write("estimated_num_eps", options.estimatedEndpoints);
  }
  if (options.estimatedProcessesPerNode !== undefined) {
    struct
      .addToMask(UCP_PARAM_FIELD.ESTIMATED_NUM_PPN)
      .write("estimated_num_ppn", options.estimatedProcessesPerNode);
  }
  if (options.name !== undefined) {
    struct.addToMask(UCP_PARAM_FIELD.NAME).point("name", cString(options.name));
  }
  return struct;
}

/** `ucp_lib_attr_t`: after `ucp_lib_query`, `maxThreadLevel` is one of `UCS_THREAD_MODE`. */
export class LibraryAttributes extends NativeStruct<
  typeof ucpLayout.ucp_lib_attr_t
> {
  constructor() {
    super(ucpLayout.ucp_lib_attr_t);
    this.addToMask(UCP_LIB_ATTR_FIELD.MAX_THREAD_LEVEL);
  }

  get maxThreadLevel(): number {
    return this.readNumber("max_thread_level");
  }
}

/** `ucp_context_attr_t`, to be filled by `ucp_context_query`. */
export class ContextAttributes extends NativeStruct<
  typeof ucpLayout.ucp_context_attr_t
> {
  constructor() {
    super(ucpLayout.ucp_context_attr_t);
    this.addToMask(
      UCP_ATTR_FIELD.REQUEST_SIZE |
        UCP_ATTR_FIELD.THREAD_MODE |
        UCP_ATTR_FIELD.MEMORY_TYPES |
        UCP_ATTR_FIELD.NAME,
    );
  }

  /** In bytes. */
  get requestSize(): number {
    return this.readNumber("request_size");
  }

  /** One of `UCS_THREAD_MODE`. */
  get threadMode(): number {
    return this.readNumber("thread_mode");
  }

  /** A bit for each of `UCS_MEMORY_TYPE` that this UCX can handle here. */
  get memoryTypes(): bigint {
    return this.readBigint("memory_types");
  }

  get name(): string {
    return this.readText("name");
  }
}

/** What `ucp_worker_create` is told. */
export interface WorkerOptions {
  /** One of `UCS_THREAD_MODE`; the worker may get a lesser one, see `WorkerAttributes`. */
  readonly threadMode: number;
  /** Processors that progress runs on; a hint. @default unknown */
  readonly cpus?: readonly number[];
  /** Bits of `UCP_WAKEUP`. @default all but the edge */
  readonly events?: number;
  /** An epoll descriptor that the worker adds its events to. @default the worker's own */
  readonly eventDescriptor?: number;
  /** No warning when requests are left at the end. @default false */
  readonly ignoreRequestLeak?: boolean;
  /** Shown in logs; UCX cuts it at 31 bytes. @default UCX's */
  readonly name?: string;
  /** Alignment of data that active messages hand over, a power of two in bytes. @default 1 */
  readonly activeMessageAlignment?: number;
  /** What a listener of the peer may read as the client's id. @default none */
  readonly clientId?: bigint;
}

/** `ucp_worker_params_t` @throws {RangeError} when a processor's number is none from 0 to 1023 */
export function createWorkerParameters(
  options: WorkerOptions,
): NativeStruct<typeof ucpLayout.ucp_worker_params_t> {
  const field = UCP_WORKER_PARAM_FIELD;
  const struct = new NativeStruct(ucpLayout.ucp_worker_params_t);
  struct.addToMask(field.THREAD_MODE).write("thread_mode", options.threadMode);
  if (options.cpus !== undefined) {
    struct.addToMask(field.CPU_MASK);
    const mask = struct.readBytes("cpu_mask");
    for (const cpu of options.cpus) {
      if (!Number.isInteger(cpu) || cpu < 0 || cpu >= mask.byteLength * 8) {
        throw new RangeError(
          `cpus must be integers from 0 to ${mask.byteLength * 8 - 1}, got ${cpu}`,
        );
      }
      mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
    }
  }
  if (options.events !== undefined) {
    struct.addToMask(field.EVENTS).write("events", options.events);
  }
  if (options.eventDescriptor !== undefined) {
    struct.addToMask(field.EVENT_FD).write("event_fd", options.eventDescriptor);
  }
  if (options.ignoreRequestLeak === true) {
    struct
      .addToMask(field.FLAGS)
      .write("flags", UCP_WORKER_FLAG.IGNORE_REQUEST_LEAK);
  }
  if (options.name !== undefined) {
    struct.addToMask(field.NAME).point("name", cString(options.name));
  }
  if (options.activeMessageAlignment !== undefined) {
    struct
      .addToMask(field.AM_ALIGNMENT)
      .write("am_alignment", options.activeMessageAlignment);
  }
  if (options.clientId !== undefined) {
    struct.addToMask(field.CLIENT_ID).write("client_id", options.clientId);
  }
  return struct;
}

/** `ucp_worker_attr_t`, to be filled by `ucp_worker_query`. */
export class WorkerAttributes extends NativeStruct<
  typeof ucpLayout.ucp_worker_attr_t
> {
  /**
   * @param address asks for the worker's address too, which must then be given to `ucp_worker_release_address`:
   *   `all` for every transport, `network` for those that reach other hosts. @default none
   */
  constructor(address?: "all" | "network") {
    super(ucpLayout.ucp_worker_attr_t);
    this.addToMask(
      UCP_WORKER_ATTR_FIELD.THREAD_MODE |
        UCP_WORKER_ATTR_FIELD.MAX_AM_HEADER |
        UCP_WORKER_ATTR_FIELD.NAME |
        UCP_WORKER_ATTR_FIELD.MAX_INFO_STRING,
    );
    if (address !== undefined) {
      this.addToMask(UCP_WORKER_ATTR_FIELD.ADDRESS);
    }
    if (address === "network") {
      this.addToMask(UCP_WORKER_ATTR_FIELD.ADDRESS_FLAGS).write(
        "address_flags",
        UCP_WORKER_ADDRESS_FLAG.NET_ONLY,
      );
    }
  }

  /** One of `UCS_THREAD_MODE`. */
  get threadMode(): number {
    return this.readNumber("thread_mode");
  }

  /** UCX's memory: copy `addressLength` bytes (`copyOf`) and release it. */
  get address(): Handle {
    return this.readHandle("address");
  }

  /** In bytes. */
  get addressLength(): number {
    return this.readNumber("address_length");
  }

  /** Largest header of an active message, in bytes. */
  get maxActiveMessageHeader(): number {
    return this.readNumber("max_am_header");
  }

  /** What a request's text may need, in bytes (`RequestAttributes`). */
  get maxInfoText(): number {
    return this.readNumber("max_debug_string");
  }

  get name(): string {
    return this.readText("name");
  }
}

/** `ucp_worker_address_attr_t`, to be filled by `ucp_worker_address_query` (of UCX 1.12 and later). */
export class WorkerAddressAttributes extends NativeStruct<
  typeof ucpLayout.ucp_worker_address_attr_t
> {
  constructor() {
    super(ucpLayout.ucp_worker_address_attr_t);
    this.addToMask(UCP_WORKER_ADDRESS_ATTR_FIELD.UID);
  }

  /** The same for every address of one worker, and of no other. */
  get workerUid(): bigint {
    return this.readBigint("worker_uid");
  }
}

/**
 * Functions of the shim `libringwire-shm.so`, each with its C declaration from `ffi/c/ringwire_shm.h`.
 *
 * All of them return >= 0 on success and -errno on failure, and what does not fit an int32 goes through the handle's
 * exchange block. A handle (`rwq *`) belongs to the thread that opened it.
 */
import {
  type NativeFunctions,
  openLibrary,
  type SymbolTable,
} from "../host.ts";
import { type NativeLibrary, openNativeLibrary } from "../library.ts";

/** ABI version that this table was written against. */
export const shimAbi = {
  major: 1,
  minor: 0,
  symbol: "rwq_abi_version",
} as const;

/** A `rwq *`, then a lease: slot, token_lo, token_hi. */
const lease = ["pointer", "u32", "u32", "u32"] as const;

export const shimSymbols = {
  // uint32_t rwq_abi_version(void);
  rwq_abi_version: { parameters: [], result: "u32" },
  // int32_t rwq_error_detail(void *text, uint32_t capacity);
  rwq_error_detail: { parameters: ["bytes", "u32"], result: "i32" },
  // int32_t rwq_create(const void *path, const void *params, uint32_t flags);
  rwq_create: { parameters: ["bytes", "bytes", "u32"], result: "i32" },
  // int32_t rwq_open(const void *path, void *options);
  rwq_open: { parameters: ["bytes", "bytes"], result: "i32" },
  // int32_t rwq_close(rwq *q);
  rwq_close: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_destroy(rwq *q);
  rwq_destroy: { parameters: ["pointer"], result: "i32" },

  // int32_t rwq_send(rwq *q, const void *body, uint32_t length, uint32_t options);
  rwq_send: { parameters: ["pointer", "buffer", "u32", "u32"], result: "i32" },
  // int32_t rwq_send_many(rwq *q, const void *bodies, const void *lengths, uint32_t count, uint32_t options);
  rwq_send_many: {
    parameters: ["pointer", "buffer", "bytes", "u32", "u32"],
    result: "i32",
  },
  // int32_t rwq_claim(rwq *q, uint32_t length, uint32_t options);
  rwq_claim: { parameters: ["pointer", "u32", "u32"], result: "i32" },
  // int32_t rwq_commit(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, uint32_t length, uint32_t options);
  rwq_commit: { parameters: [...lease, "u32", "u32"], result: "i32" },
  // int32_t rwq_abort(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
  rwq_abort: { parameters: lease, result: "i32" },
  // int32_t rwq_cancel(rwq *q, uint32_t slot, uint32_t id_lo, uint32_t id_hi);
  rwq_cancel: { parameters: ["pointer", "u32", "u32", "u32"], result: "i32" },

  // int32_t rwq_consume_alone(rwq *q);
  rwq_consume_alone: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_receive(rwq *q, uint32_t how, uint32_t lease_ms);
  rwq_receive: { parameters: ["pointer", "u32", "u32"], result: "i32" },
  // int32_t rwq_receive_into(rwq *q, void *into, uint32_t capacity, uint32_t how, uint32_t lease_ms);
  rwq_receive_into: {
    parameters: ["pointer", "buffer", "u32", "u32", "u32"],
    result: "i32",
  },
  // int32_t rwq_receive_many(rwq *q, uint32_t max, uint32_t how, uint32_t lease_ms);
  rwq_receive_many: {
    parameters: ["pointer", "u32", "u32", "u32"],
    result: "i32",
  },
  // int32_t rwq_read(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, void *into, uint32_t capacity);
  rwq_read: { parameters: [...lease, "buffer", "u32"], result: "i32" },

  // int32_t rwq_release_view(rwq *q);
  rwq_release_view: { parameters: ["pointer"], result: "i32" },

  // int32_t rwq_ack(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
  rwq_ack: { parameters: lease, result: "i32" },
  // int32_t rwq_ack_many(rwq *q, void *triples, uint32_t count);
  rwq_ack_many: { parameters: ["pointer", "bytes", "u32"], result: "i32" },
  // int32_t rwq_nack(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, double delay_ms, uint32_t flags);
  rwq_nack: { parameters: [...lease, "f64", "u32"], result: "i32" },
  // int32_t rwq_touch(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, uint32_t lease_ms);
  rwq_touch: { parameters: [...lease, "u32"], result: "i32" },
  // int32_t rwq_count_attempt(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
  rwq_count_attempt: { parameters: lease, result: "i32" },
  // int32_t rwq_bury(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, const void *note, uint32_t note_len);
  rwq_bury: { parameters: [...lease, "buffer", "u32"], result: "i32" },
  // int32_t rwq_revive(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
  rwq_revive: { parameters: lease, result: "i32" },
  // int32_t rwq_discard(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
  rwq_discard: { parameters: lease, result: "i32" },

  // int32_t rwq_renew_start(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, uint32_t lease_ms, double max_processing_ms, double max_stall_ms);
  rwq_renew_start: {
    parameters: [...lease, "u32", "f64", "f64"],
    result: "i32",
  },
  // int32_t rwq_renew_stop(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
  rwq_renew_stop: { parameters: lease, result: "i32" },
  // int32_t rwq_heartbeat(rwq *q);
  rwq_heartbeat: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_renewal(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
  rwq_renewal: { parameters: lease, result: "i32" },

  // int32_t rwq_wait(rwq *q, uint32_t what, double timeout_ms);
  rwq_wait: { parameters: ["pointer", "u32", "f64"], result: "i32" },
  // int32_t rwq_wake_fd(rwq *q);
  rwq_wake_fd: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_arm(rwq *q, uint32_t what);
  rwq_arm: { parameters: ["pointer", "u32"], result: "i32" },
  // int32_t rwq_disarm(rwq *q);
  rwq_disarm: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_drain_wake_fd(rwq *q);
  rwq_drain_wake_fd: { parameters: ["pointer"], result: "i32" },

  // int32_t rwq_close_fd(int32_t fd);
  rwq_close_fd: { parameters: ["i32"], result: "i32" },

  // int32_t rwq_sweep(rwq *q, uint32_t how);
  rwq_sweep: { parameters: ["pointer", "u32"], result: "i32" },
  // int32_t rwq_watch(rwq *q);
  rwq_watch: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_trim(rwq *q);
  rwq_trim: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_sync(rwq *q);
  rwq_sync: { parameters: ["pointer"], result: "i32" },

  // int32_t rwq_lifecycle(rwq *q);
  rwq_lifecycle: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_end(rwq *q);
  rwq_end: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_reopen(rwq *q);
  rwq_reopen: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_pause(rwq *q, uint32_t on);
  rwq_pause: { parameters: ["pointer", "u32"], result: "i32" },

  // int32_t rwq_status(rwq *q);
  rwq_status: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_participant(rwq *q, uint32_t index);
  rwq_participant: { parameters: ["pointer", "u32"], result: "i32" },
  // int32_t rwq_geometry(rwq *q);
  rwq_geometry: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_peek(rwq *q);
  rwq_peek: { parameters: ["pointer"], result: "i32" },
  // int32_t rwq_inspect(rwq *q, uint32_t mask);
  rwq_inspect: { parameters: ["pointer", "u32"], result: "i32" },
} as const satisfies SymbolTable;

/** The one function that may block for long; Deno calls it on a thread of its own and gives a promise. */
export const shimPollSymbols = {
  // int32_t rwq_poll_wake_fd(int32_t fd, int32_t timeout_ms);
  rwq_poll_wake_fd: {
    parameters: ["i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
} as const satisfies SymbolTable;

/** The shim's functions. */
export type Shim = NativeFunctions<typeof shimSymbols>;

/**
 * Finds and opens the shim, and says where it came from.
 *
 * @throws as `openShim`
 */
export function locateShim(): NativeLibrary<typeof shimSymbols> {
  return openNativeLibrary({
    name: "ringwire-shm",
    environmentVariable: "RINGWIRE_SHM_LIBRARY",
    abi: shimAbi,
    symbols: shimSymbols,
  });
}

/**
 * Opens the shim on first use.
 *
 * @throws {LibraryNotFoundError} @throws {LibraryVersionError} @throws {UnsupportedRuntimeError}
 */
export function openShim(): Shim {
  return locateShim().functions;
}

/** A second table over the same library, for functions that only one runtime can bind. */
export function bindMoreOfShim<const Table extends SymbolTable>(
  table: Table,
): NativeFunctions<Table> {
  // The soname: an embedded library has no path that the linker could open twice, but by now it is loaded.
  const { path } = locateShim();
  return openLibrary(
    path.startsWith("/$bunfs/") ? "libringwire-shm.so.1" : path,
    table,
  );
}

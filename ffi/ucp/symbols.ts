/**
 * Functions of `libucp.so.0`, each with its C declaration from `ucp/api/ucp.h` of UCX 1.13.
 *
 * `ucs_status_t` is a packed enumeration of ONE byte: `i8`, since the upper bits of the register are undefined. A
 * `ucs_status_ptr_t` is a `handle`: 0 done, below 0 a status, above 0 a request (`status.ts`).
 *
 * Objects are handles. Parameters that are made for one call are `bytes`. What is passed with every message is a `handle`
 * (`ucp_request_param_t`, `ucp_tag_recv_info_t`, `size_t *`): in Deno that saves 6 to 12 ns each; take its address once and
 * keep it in module scope. Data is `buffer` here, and `handle` in `ucpAddressSymbols`.
 */
import type { CallbackSignature, SymbolTable } from "../host.ts";

/** What every message function ends with: `const ucp_request_param_t *param`. */
const param = "handle";
/** `ucp_tag_t` as `wordAt` gives it: in Bun a number costs 1 ns, a bigint 12. */
const tag = "handle";

/** Version, configuration and context. */
const contextSymbols = {
  // void ucp_get_version(unsigned *major_version, unsigned *minor_version, unsigned *release_number);
  ucp_get_version: { parameters: ["bytes", "bytes", "bytes"], result: "void" },
  // const char *ucp_get_version_string(void);
  ucp_get_version_string: { parameters: [], result: "handle" },
  // ucs_status_t ucp_lib_query(ucp_lib_attr_t *attr);
  ucp_lib_query: { parameters: ["bytes"], result: "i8" },

  // ucs_status_t ucp_config_read(const char *env_prefix, const char *filename, ucp_config_t **config_p);
  ucp_config_read: { parameters: ["buffer", "buffer", "bytes"], result: "i8" },
  // void ucp_config_release(ucp_config_t *config);
  ucp_config_release: { parameters: ["handle"], result: "void" },
  // ucs_status_t ucp_config_modify(ucp_config_t *config, const char *name, const char *value);
  ucp_config_modify: { parameters: ["handle", "bytes", "bytes"], result: "i8" },
  // void ucp_config_print(const ucp_config_t *config, FILE *stream, const char *title, ucs_config_print_flags_t print_flags);
  ucp_config_print: {
    parameters: ["handle", "handle", "buffer", "u32"],
    result: "void",
  },

  // ucs_status_t ucp_init_version(unsigned api_major_version, unsigned api_minor_version, const ucp_params_t *params, const ucp_config_t *config, ucp_context_h *context_p);
  ucp_init_version: {
    parameters: ["u32", "u32", "bytes", "handle", "bytes"],
    result: "i8",
  },
  // void ucp_cleanup(ucp_context_h context_p);
  ucp_cleanup: { parameters: ["handle"], result: "void" },
  // ucs_status_t ucp_context_query(ucp_context_h context_p, ucp_context_attr_t *attr);
  ucp_context_query: { parameters: ["handle", "bytes"], result: "i8" },
  // void ucp_context_print_info(const ucp_context_h context, FILE *stream);
  ucp_context_print_info: { parameters: ["handle", "handle"], result: "void" },
} as const satisfies SymbolTable;

const workerSymbols = {
  // ucs_status_t ucp_worker_create(ucp_context_h context, const ucp_worker_params_t *params, ucp_worker_h *worker_p);
  ucp_worker_create: { parameters: ["handle", "bytes", "bytes"], result: "i8" },
  // void ucp_worker_destroy(ucp_worker_h worker);
  ucp_worker_destroy: { parameters: ["handle"], result: "void" },
  // ucs_status_t ucp_worker_query(ucp_worker_h worker, ucp_worker_attr_t *attr);
  ucp_worker_query: { parameters: ["handle", "bytes"], result: "i8" },
  // void ucp_worker_print_info(ucp_worker_h worker, FILE *stream);
  ucp_worker_print_info: { parameters: ["handle", "handle"], result: "void" },
  // void ucp_worker_release_address(ucp_worker_h worker, ucp_address_t *address);
  ucp_worker_release_address: {
    parameters: ["handle", "handle"],
    result: "void",
  },
  // ucs_status_t ucp_worker_address_query(ucp_address_t *address, ucp_worker_address_attr_t *attr);
  ucp_worker_address_query: { parameters: ["bytes", "bytes"], result: "i8" },
  // unsigned ucp_worker_progress(ucp_worker_h worker);
  ucp_worker_progress: { parameters: ["handle"], result: "u32" },
  // ucs_status_t ucp_worker_get_efd(ucp_worker_h worker, int *fd);
  ucp_worker_get_efd: { parameters: ["handle", "bytes"], result: "i8" },
  // ucs_status_t ucp_worker_arm(ucp_worker_h worker);
  ucp_worker_arm: { parameters: ["handle"], result: "i8" },
  // ucs_status_t ucp_worker_signal(ucp_worker_h worker);
  ucp_worker_signal: { parameters: ["handle"], result: "i8" },
  // ucs_status_t ucp_worker_wait(ucp_worker_h worker);
  ucp_worker_wait: { parameters: ["handle"], result: "i8" },
  // ucs_status_t ucp_worker_fence(ucp_worker_h worker);
  ucp_worker_fence: { parameters: ["handle"], result: "i8" },
  // ucs_status_ptr_t ucp_worker_flush_nbx(ucp_worker_h worker, const ucp_request_param_t *param);
  ucp_worker_flush_nbx: { parameters: ["handle", param], result: "handle" },
} as const satisfies SymbolTable;

/** Listeners, connection requests and endpoints. */
const endpointSymbols = {
  // ucs_status_t ucp_listener_create(ucp_worker_h worker, const ucp_listener_params_t *params, ucp_listener_h *listener_p);
  ucp_listener_create: {
    parameters: ["handle", "bytes", "bytes"],
    result: "i8",
  },
  // void ucp_listener_destroy(ucp_listener_h listener);
  ucp_listener_destroy: { parameters: ["handle"], result: "void" },
  // ucs_status_t ucp_listener_query(ucp_listener_h listener, ucp_listener_attr_t *attr);
  ucp_listener_query: { parameters: ["handle", "bytes"], result: "i8" },
  // ucs_status_t ucp_listener_reject(ucp_listener_h listener, ucp_conn_request_h conn_request);
  ucp_listener_reject: { parameters: ["handle", "handle"], result: "i8" },
  // ucs_status_t ucp_conn_request_query(ucp_conn_request_h conn_request, ucp_conn_request_attr_t *attr);
  ucp_conn_request_query: { parameters: ["handle", "bytes"], result: "i8" },

  // ucs_status_t ucp_ep_create(ucp_worker_h worker, const ucp_ep_params_t *params, ucp_ep_h *ep_p);
  ucp_ep_create: { parameters: ["handle", "bytes", "bytes"], result: "i8" },
  // ucs_status_ptr_t ucp_ep_close_nbx(ucp_ep_h ep, const ucp_request_param_t *param);
  ucp_ep_close_nbx: { parameters: ["handle", param], result: "handle" },
  // ucs_status_ptr_t ucp_ep_flush_nbx(ucp_ep_h ep, const ucp_request_param_t *param);
  ucp_ep_flush_nbx: { parameters: ["handle", param], result: "handle" },
  // ucs_status_t ucp_ep_query(ucp_ep_h ep, ucp_ep_attr_t *attr);
  ucp_ep_query: { parameters: ["handle", "bytes"], result: "i8" },
  // void ucp_ep_print_info(ucp_ep_h ep, FILE *stream);
  ucp_ep_print_info: { parameters: ["handle", "handle"], result: "void" },
} as const satisfies SymbolTable;

/** Requests, and the parts of messaging that take no data. */
const requestSymbols = {
  // ucs_status_t ucp_request_check_status(void *request);
  ucp_request_check_status: { parameters: ["handle"], result: "i8" },
  // ucs_status_t ucp_request_query(void *request, ucp_request_attr_t *attr);
  ucp_request_query: { parameters: ["handle", "bytes"], result: "i8" },
  // void ucp_request_cancel(ucp_worker_h worker, void *request);
  ucp_request_cancel: { parameters: ["handle", "handle"], result: "void" },
  // void ucp_request_free(void *request);
  ucp_request_free: { parameters: ["handle"], result: "void" },

  // ucs_status_t ucp_tag_recv_request_test(void *request, ucp_tag_recv_info_t *info);
  ucp_tag_recv_request_test: {
    parameters: ["handle", "handle"],
    result: "i8",
  },
  // ucp_tag_message_h ucp_tag_probe_nb(ucp_worker_h worker, ucp_tag_t tag, ucp_tag_t tag_mask, int remove, ucp_tag_recv_info_t *info);
  ucp_tag_probe_nb: {
    parameters: ["handle", tag, tag, "i32", "handle"],
    result: "handle",
  },

  // ucs_status_t ucp_stream_recv_request_test(void *request, size_t *length_p);
  ucp_stream_recv_request_test: {
    parameters: ["handle", "handle"],
    result: "i8",
  },
  // ucs_status_ptr_t ucp_stream_recv_data_nb(ucp_ep_h ep, size_t *length);
  ucp_stream_recv_data_nb: {
    parameters: ["handle", "handle"],
    result: "handle",
  },
  // void ucp_stream_data_release(ucp_ep_h ep, void *data);
  ucp_stream_data_release: { parameters: ["handle", "handle"], result: "void" },
  // ssize_t ucp_stream_worker_poll(ucp_worker_h worker, ucp_stream_poll_ep_t *poll_eps, size_t max_eps, unsigned flags);
  ucp_stream_worker_poll: {
    parameters: ["handle", "handle", "size", "u32"],
    result: "isize",
  },

  // ucs_status_t ucp_worker_set_am_recv_handler(ucp_worker_h worker, const ucp_am_handler_param_t *param);
  ucp_worker_set_am_recv_handler: {
    parameters: ["handle", "bytes"],
    result: "i8",
  },
  // void ucp_am_data_release(ucp_worker_h worker, void *data);
  ucp_am_data_release: { parameters: ["handle", "handle"], result: "void" },
} as const satisfies SymbolTable;

/** Registered memory and keys to a peer's. */
const memorySymbols = {
  // ucs_status_t ucp_mem_map(ucp_context_h context, const ucp_mem_map_params_t *params, ucp_mem_h *memh_p);
  ucp_mem_map: { parameters: ["handle", "bytes", "bytes"], result: "i8" },
  // ucs_status_t ucp_mem_unmap(ucp_context_h context, ucp_mem_h memh);
  ucp_mem_unmap: { parameters: ["handle", "handle"], result: "i8" },
  // ucs_status_t ucp_mem_query(const ucp_mem_h memh, ucp_mem_attr_t *attr);
  ucp_mem_query: { parameters: ["handle", "bytes"], result: "i8" },
  // ucs_status_t ucp_rkey_pack(ucp_context_h context, ucp_mem_h memh, void **rkey_buffer_p, size_t *size_p);
  ucp_rkey_pack: {
    parameters: ["handle", "handle", "bytes", "bytes"],
    result: "i8",
  },
  // void ucp_rkey_buffer_release(void *rkey_buffer);
  ucp_rkey_buffer_release: { parameters: ["handle"], result: "void" },
  // ucs_status_t ucp_ep_rkey_unpack(ucp_ep_h ep, const void *rkey_buffer, ucp_rkey_h *rkey_p);
  ucp_ep_rkey_unpack: {
    parameters: ["handle", "bytes", "bytes"],
    result: "i8",
  },
  // ucs_status_t ucp_rkey_ptr(ucp_rkey_h rkey, uint64_t raddr, void **addr_p);
  ucp_rkey_ptr: { parameters: ["handle", "u64", "bytes"], result: "i8" },
  // void ucp_rkey_destroy(ucp_rkey_h rkey);
  ucp_rkey_destroy: { parameters: ["handle"], result: "void" },
} as const satisfies SymbolTable;

/** Functions that move data, with `Data` as the kind of the data pointer. */
function transferSymbols<const Data extends "buffer" | "handle">(data: Data) {
  return {
    // ucs_status_ptr_t ucp_tag_send_nbx(ucp_ep_h ep, const void *buffer, size_t count, ucp_tag_t tag, const ucp_request_param_t *param);
    ucp_tag_send_nbx: {
      parameters: ["handle", data, "size", tag, param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_tag_send_sync_nbx(ucp_ep_h ep, const void *buffer, size_t count, ucp_tag_t tag, const ucp_request_param_t *param);
    ucp_tag_send_sync_nbx: {
      parameters: ["handle", data, "size", tag, param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_tag_recv_nbx(ucp_worker_h worker, void *buffer, size_t count, ucp_tag_t tag, ucp_tag_t tag_mask, const ucp_request_param_t *param);
    ucp_tag_recv_nbx: {
      parameters: ["handle", data, "size", tag, tag, param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_tag_msg_recv_nbx(ucp_worker_h worker, void *buffer, size_t count, ucp_tag_message_h message, const ucp_request_param_t *param);
    ucp_tag_msg_recv_nbx: {
      parameters: ["handle", data, "size", "handle", param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_stream_send_nbx(ucp_ep_h ep, const void *buffer, size_t count, const ucp_request_param_t *param);
    ucp_stream_send_nbx: {
      parameters: ["handle", data, "size", param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_stream_recv_nbx(ucp_ep_h ep, void *buffer, size_t count, size_t *length, const ucp_request_param_t *param);
    ucp_stream_recv_nbx: {
      parameters: ["handle", data, "size", "handle", param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_am_send_nbx(ucp_ep_h ep, unsigned id, const void *header, size_t header_length, const void *buffer, size_t count, const ucp_request_param_t *param);
    ucp_am_send_nbx: {
      parameters: ["handle", "u32", data, "size", data, "size", param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_am_recv_data_nbx(ucp_worker_h worker, void *data_desc, void *buffer, size_t count, const ucp_request_param_t *param);
    ucp_am_recv_data_nbx: {
      parameters: ["handle", "handle", data, "size", param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_put_nbx(ucp_ep_h ep, const void *buffer, size_t count, uint64_t remote_addr, ucp_rkey_h rkey, const ucp_request_param_t *param);
    ucp_put_nbx: {
      parameters: ["handle", data, "size", "u64", "handle", param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_get_nbx(ucp_ep_h ep, void *buffer, size_t count, uint64_t remote_addr, ucp_rkey_h rkey, const ucp_request_param_t *param);
    ucp_get_nbx: {
      parameters: ["handle", data, "size", "u64", "handle", param],
      result: "handle",
    },
    // ucs_status_ptr_t ucp_atomic_op_nbx(ucp_ep_h ep, ucp_atomic_op_t opcode, const void *buffer, size_t count, uint64_t remote_addr, ucp_rkey_h rkey, const ucp_request_param_t *param);
    ucp_atomic_op_nbx: {
      parameters: ["handle", "i32", data, "size", "u64", "handle", param],
      result: "handle",
    },
  } as const satisfies SymbolTable;
}

/** The whole API, with data as views. */
export const ucpSymbols = {
  ...contextSymbols,
  ...workerSymbols,
  ...endpointSymbols,
  ...requestSymbols,
  ...memorySymbols,
  ...transferSymbols("buffer"),
} as const satisfies SymbolTable;

/**
 * The same transfers with data as addresses: memory of devices or of UCX, `ucp_dt_iov_t` arrays, and views whose address
 * was taken once. Who calls keeps what they point to alive until the operation is complete.
 */
export const ucpAddressSymbols = transferSymbols("handle");

/** Functions that UCX calls back, always within `ucp_worker_progress` or the call that registers them. */
export const ucpCallbacks = {
  // void (*ucp_listener_conn_callback_t)(ucp_conn_request_h conn_request, void *arg);
  connection: { parameters: ["handle", "handle"], result: "void" },
  // void (*ucp_err_handler_cb_t)(void *arg, ucp_ep_h ep, ucs_status_t status);
  error: { parameters: ["handle", "handle", "i8"], result: "void" },
  // ucs_status_t (*ucp_am_recv_callback_t)(void *arg, const void *header, size_t header_length, void *data, size_t length, const ucp_am_recv_param_t *param);
  activeMessage: {
    parameters: ["handle", "handle", "size", "handle", "size", "handle"],
    result: "i8",
  },
} as const satisfies Readonly<Record<string, CallbackSignature>>;

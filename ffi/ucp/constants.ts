/**
 * Enumerations and bits of UCX 1.13. A C name is the name of the group, `_`, and the name in the group:
 * `UCP_FEATURE.TAG` is `UCP_FEATURE_TAG`. `ffi/c/tests/ucp_layout_test.c` asks the compiler for every entry.
 */

/** `ucp_feature`: what a context is asked for. */
export const UCP_FEATURE = {
  TAG: 1,
  RMA: 2,
  AMO32: 4,
  AMO64: 8,
  WAKEUP: 16,
  STREAM: 32,
  AM: 64,
} as const;

/** `ucp_params_field` */
export const UCP_PARAM_FIELD = {
  FEATURES: 1,
  REQUEST_SIZE: 2,
  REQUEST_INIT: 4,
  REQUEST_CLEANUP: 8,
  TAG_SENDER_MASK: 16,
  MT_WORKERS_SHARED: 32,
  ESTIMATED_NUM_EPS: 64,
  ESTIMATED_NUM_PPN: 128,
  NAME: 256,
} as const;

/** `ucp_lib_attr_field` */
export const UCP_LIB_ATTR_FIELD = { MAX_THREAD_LEVEL: 1 } as const;

/** `ucp_context_attr_field` */
export const UCP_ATTR_FIELD = {
  REQUEST_SIZE: 1,
  THREAD_MODE: 2,
  MEMORY_TYPES: 4,
  NAME: 8,
} as const;

/** `ucs_thread_mode_t` */
export const UCS_THREAD_MODE = { SINGLE: 0, SERIALIZED: 1, MULTI: 2 } as const;

/** `ucp_worker_params_field` */
export const UCP_WORKER_PARAM_FIELD = {
  THREAD_MODE: 1,
  CPU_MASK: 2,
  EVENTS: 4,
  USER_DATA: 8,
  EVENT_FD: 16,
  FLAGS: 32,
  NAME: 64,
  AM_ALIGNMENT: 128,
  CLIENT_ID: 256,
} as const;

/** `ucp_worker_flags_t` */
export const UCP_WORKER_FLAG = { IGNORE_REQUEST_LEAK: 1 } as const;

/** `ucp_wakeup_event_types`: what wakes a worker that is armed. */
export const UCP_WAKEUP = {
  RMA: 1,
  AMO: 2,
  TAG_SEND: 4,
  TAG_RECV: 8,
  TX: 1024,
  RX: 2048,
  EDGE: 65536,
} as const;

/** `ucp_worker_attr_field` */
export const UCP_WORKER_ATTR_FIELD = {
  THREAD_MODE: 1,
  ADDRESS: 2,
  ADDRESS_FLAGS: 4,
  MAX_AM_HEADER: 8,
  NAME: 16,
  MAX_INFO_STRING: 32,
} as const;

/** `ucp_worker_address_flags_t` */
export const UCP_WORKER_ADDRESS_FLAG = { NET_ONLY: 1 } as const;

/** `ucp_worker_address_attr_field` */
export const UCP_WORKER_ADDRESS_ATTR_FIELD = { UID: 1 } as const;

/** `ucp_listener_params_field` */
export const UCP_LISTENER_PARAM_FIELD = {
  SOCK_ADDR: 1,
  ACCEPT_HANDLER: 2,
  CONN_HANDLER: 4,
} as const;

/** `ucp_listener_attr_field` */
export const UCP_LISTENER_ATTR_FIELD = { SOCKADDR: 1 } as const;

/** `ucp_conn_request_attr_field` */
export const UCP_CONN_REQUEST_ATTR_FIELD = {
  CLIENT_ADDR: 1,
  CLIENT_ID: 2,
} as const;

/** `ucp_ep_params_field` */
export const UCP_EP_PARAM_FIELD = {
  REMOTE_ADDRESS: 1,
  ERR_HANDLING_MODE: 2,
  ERR_HANDLER: 4,
  USER_DATA: 8,
  SOCK_ADDR: 16,
  FLAGS: 32,
  CONN_REQUEST: 64,
  NAME: 128,
  LOCAL_SOCK_ADDR: 256,
} as const;

/** `ucp_ep_params_flags_field` */
export const UCP_EP_PARAMS_FLAGS = {
  CLIENT_SERVER: 1,
  NO_LOOPBACK: 2,
  SEND_CLIENT_ID: 4,
} as const;

/** `ucp_err_handling_mode_t` */
export const UCP_ERR_HANDLING_MODE = { NONE: 0, PEER: 1 } as const;

/** `ucp_ep_close_flags_t` */
export const UCP_EP_CLOSE_FLAG = { FORCE: 1 } as const;

/** `ucp_ep_attr_field` */
export const UCP_EP_ATTR_FIELD = {
  NAME: 1,
  LOCAL_SOCKADDR: 2,
  REMOTE_SOCKADDR: 4,
} as const;

/** `ucp_op_attr_t`: fields of `ucp_request_param_t` that are filled. */
export const UCP_OP_ATTR_FIELD = {
  REQUEST: 1,
  CALLBACK: 2,
  USER_DATA: 4,
  DATATYPE: 8,
  FLAGS: 16,
  REPLY_BUFFER: 32,
  MEMORY_TYPE: 64,
  RECV_INFO: 128,
  MEMH: 256,
} as const;

/** `ucp_op_attr_t`: how an operation completes. */
export const UCP_OP_ATTR_FLAG = {
  NO_IMM_CMPL: 0x1_0000,
  FAST_CMPL: 0x2_0000,
  FORCE_IMM_CMPL: 0x4_0000,
  MULTI_SEND: 0x8_0000,
} as const;

/** `ucp_req_attr_field` */
export const UCP_REQUEST_ATTR_FIELD = {
  INFO_STRING: 1,
  INFO_STRING_SIZE: 2,
  STATUS: 4,
  MEM_TYPE: 8,
} as const;

/** `ucp_dt_type`. A contiguous type of n bytes an element is `n << SHIFT`. */
export const UCP_DATATYPE = {
  CONTIG: 0,
  STRIDED: 1,
  IOV: 2,
  GENERIC: 7,
  SHIFT: 3,
} as const;

/** `ucs_memory_type_t` */
export const UCS_MEMORY_TYPE = {
  HOST: 0,
  CUDA: 1,
  CUDA_MANAGED: 2,
  ROCM: 3,
  ROCM_MANAGED: 4,
  UNKNOWN: 5,
} as const;

/** `ucp_stream_recv_flags_t` */
export const UCP_STREAM_RECV_FLAG = { WAITALL: 1 } as const;

/** `ucp_am_handler_param_field` */
export const UCP_AM_HANDLER_PARAM_FIELD = {
  ID: 1,
  FLAGS: 2,
  CB: 4,
  ARG: 8,
} as const;

/** `ucp_am_cb_flags`: what a handler of active messages wants. */
export const UCP_AM_FLAG = { WHOLE_MSG: 1, PERSISTENT_DATA: 2 } as const;

/** `ucp_send_am_flags` */
export const UCP_AM_SEND_FLAG = { REPLY: 1, EAGER: 2, RNDV: 4 } as const;

/** `ucp_am_recv_attr_t`: fields of `ucp_am_recv_param_t`. */
export const UCP_AM_RECV_ATTR_FIELD = { REPLY_EP: 1 } as const;

/** `ucp_am_recv_attr_t`: what the data of an active message is. */
export const UCP_AM_RECV_ATTR_FLAG = {
  DATA: 0x1_0000,
  RNDV: 0x2_0000,
} as const;

/** `ucp_mem_map_params_field` */
export const UCP_MEM_MAP_PARAM_FIELD = {
  ADDRESS: 1,
  LENGTH: 2,
  FLAGS: 4,
  PROT: 8,
  MEMORY_TYPE: 16,
} as const;

/** Flags of `ucp_mem_map`. */
export const UCP_MEM_MAP = { NONBLOCK: 1, ALLOCATE: 2, FIXED: 4 } as const;

/** Who may do what with mapped memory. */
export const UCP_MEM_MAP_PROT = {
  LOCAL_READ: 1,
  LOCAL_WRITE: 2,
  REMOTE_READ: 256,
  REMOTE_WRITE: 512,
} as const;

/** `ucp_mem_attr_field` */
export const UCP_MEM_ATTR_FIELD = {
  ADDRESS: 1,
  LENGTH: 2,
  MEM_TYPE: 4,
} as const;

/** `ucp_atomic_op_t` */
export const UCP_ATOMIC_OP = {
  ADD: 0,
  SWAP: 1,
  CSWAP: 2,
  AND: 3,
  OR: 4,
  XOR: 5,
} as const;

/** `ucs_config_print_flags_t` */
export const UCS_CONFIG_PRINT = {
  CONFIG: 1,
  HEADER: 2,
  DOC: 4,
  HIDDEN: 8,
  COMMENT_DEFAULT: 16,
} as const;

/** Address families of Linux. */
export const AF = { INET: 2, INET6: 10 } as const;

/** Every group under the part of the C name that it stands for. */
export const constantGroups = {
  UCP_FEATURE,
  UCP_PARAM_FIELD,
  UCP_LIB_ATTR_FIELD,
  UCP_ATTR_FIELD,
  UCS_THREAD_MODE,
  UCP_WORKER_PARAM_FIELD,
  UCP_WORKER_FLAG,
  UCP_WAKEUP,
  UCP_WORKER_ATTR_FIELD,
  UCP_WORKER_ADDRESS_FLAG,
  UCP_WORKER_ADDRESS_ATTR_FIELD,
  UCP_LISTENER_PARAM_FIELD,
  UCP_LISTENER_ATTR_FIELD,
  UCP_CONN_REQUEST_ATTR_FIELD,
  UCP_EP_PARAM_FIELD,
  UCP_EP_PARAMS_FLAGS,
  UCP_ERR_HANDLING_MODE,
  UCP_EP_CLOSE_FLAG,
  UCP_EP_ATTR_FIELD,
  UCP_OP_ATTR_FIELD,
  UCP_OP_ATTR_FLAG,
  UCP_REQUEST_ATTR_FIELD,
  UCP_DATATYPE,
  UCS_MEMORY_TYPE,
  UCP_STREAM_RECV_FLAG,
  UCP_AM_HANDLER_PARAM_FIELD,
  UCP_AM_FLAG,
  UCP_AM_SEND_FLAG,
  UCP_AM_RECV_ATTR_FIELD,
  UCP_AM_RECV_ATTR_FLAG,
  UCP_MEM_MAP_PARAM_FIELD,
  UCP_MEM_MAP,
  UCP_MEM_MAP_PROT,
  UCP_MEM_ATTR_FIELD,
  UCP_ATOMIC_OP,
  UCS_CONFIG_PRINT,
  AF,
} as const satisfies Readonly<Record<string, Readonly<Record<string, number>>>>;

/**
 * Structures of `ucp/api/ucp.h` of UCX 1.13 on 64-bit little-endian Linux: byte offsets and sizes, under their C names.
 * Later versions only append fields, which their masks guard, so a structure of 1.13's size, filled with zeros, is right
 * for them too. `ffi/c/tests/ucp_layout_test.c` asks the compiler for every entry.
 */

/** Where a field lies in its structure, in bytes. */
export interface FieldLayout {
  readonly offset: number;
  readonly size: number;
}

/** A structure, in bytes. */
export interface StructLayout {
  readonly size: number;
  readonly fields: Readonly<Record<string, FieldLayout>>;
}

function at(offset: number, size: number): FieldLayout {
  return { offset, size };
}

/** Every structure that is written or read. Members of members have a dot in their name. */
export const ucpLayout = {
  ucp_params_t: {
    size: 80,
    fields: {
      field_mask: at(0, 8),
      features: at(8, 8),
      request_size: at(16, 8),
      request_init: at(24, 8),
      request_cleanup: at(32, 8),
      tag_sender_mask: at(40, 8),
      mt_workers_shared: at(48, 4),
      estimated_num_eps: at(56, 8),
      estimated_num_ppn: at(64, 8),
      name: at(72, 8),
    },
  },
  ucp_lib_attr_t: {
    size: 16,
    fields: {
      field_mask: at(0, 8),
      max_thread_level: at(8, 4),
    },
  },
  ucp_context_attr_t: {
    size: 64,
    fields: {
      field_mask: at(0, 8),
      request_size: at(8, 8),
      thread_mode: at(16, 4),
      memory_types: at(24, 8),
      name: at(32, 32),
    },
  },
  ucp_worker_params_t: {
    size: 200,
    fields: {
      field_mask: at(0, 8),
      thread_mode: at(8, 4),
      cpu_mask: at(16, 128),
      events: at(144, 4),
      user_data: at(152, 8),
      event_fd: at(160, 4),
      flags: at(168, 8),
      name: at(176, 8),
      am_alignment: at(184, 8),
      client_id: at(192, 8),
    },
  },
  ucp_worker_attr_t: {
    size: 80,
    fields: {
      field_mask: at(0, 8),
      thread_mode: at(8, 4),
      address_flags: at(12, 4),
      address: at(16, 8),
      address_length: at(24, 8),
      max_am_header: at(32, 8),
      name: at(40, 32),
      max_debug_string: at(72, 8),
    },
  },
  ucp_worker_address_attr_t: {
    size: 16,
    fields: {
      field_mask: at(0, 8),
      worker_uid: at(8, 8),
    },
  },
  ucp_listener_params_t: {
    size: 56,
    fields: {
      field_mask: at(0, 8),
      "sockaddr.addr": at(8, 8),
      "sockaddr.addrlen": at(16, 4),
      "accept_handler.cb": at(24, 8),
      "accept_handler.arg": at(32, 8),
      "conn_handler.cb": at(40, 8),
      "conn_handler.arg": at(48, 8),
    },
  },
  ucp_listener_attr_t: {
    size: 136,
    fields: {
      field_mask: at(0, 8),
      sockaddr: at(8, 128),
    },
  },
  ucp_conn_request_attr_t: {
    size: 144,
    fields: {
      field_mask: at(0, 8),
      client_address: at(8, 128),
      client_id: at(136, 8),
    },
  },
  ucp_ep_params_t: {
    size: 104,
    fields: {
      field_mask: at(0, 8),
      address: at(8, 8),
      err_mode: at(16, 4),
      "err_handler.cb": at(24, 8),
      "err_handler.arg": at(32, 8),
      user_data: at(40, 8),
      flags: at(48, 4),
      "sockaddr.addr": at(56, 8),
      "sockaddr.addrlen": at(64, 4),
      conn_request: at(72, 8),
      name: at(80, 8),
      "local_sockaddr.addr": at(88, 8),
      "local_sockaddr.addrlen": at(96, 4),
    },
  },
  ucp_ep_attr_t: {
    size: 296,
    fields: {
      field_mask: at(0, 8),
      name: at(8, 32),
      local_sockaddr: at(40, 128),
      remote_sockaddr: at(168, 128),
    },
  },
  ucp_request_param_t: {
    size: 72,
    fields: {
      op_attr_mask: at(0, 4),
      flags: at(4, 4),
      request: at(8, 8),
      cb: at(16, 8),
      datatype: at(24, 8),
      user_data: at(32, 8),
      reply_buffer: at(40, 8),
      memory_type: at(48, 4),
      recv_info: at(56, 8),
      memh: at(64, 8),
    },
  },
  ucp_request_attr_t: {
    size: 32,
    fields: {
      field_mask: at(0, 8),
      debug_string: at(8, 8),
      debug_string_size: at(16, 8),
      status: at(24, 1),
      mem_type: at(28, 4),
    },
  },
  ucp_tag_recv_info_t: {
    size: 16,
    fields: {
      sender_tag: at(0, 8),
      length: at(8, 8),
    },
  },
  ucp_stream_poll_ep_t: {
    size: 40,
    fields: {
      ep: at(0, 8),
      user_data: at(8, 8),
      flags: at(16, 4),
      reserved: at(20, 16),
    },
  },
  ucp_am_handler_param_t: {
    size: 32,
    fields: {
      field_mask: at(0, 8),
      id: at(8, 4),
      flags: at(12, 4),
      cb: at(16, 8),
      arg: at(24, 8),
    },
  },
  ucp_am_recv_param_t: {
    size: 16,
    fields: {
      recv_attr: at(0, 8),
      reply_ep: at(8, 8),
    },
  },
  ucp_mem_map_params_t: {
    size: 40,
    fields: {
      field_mask: at(0, 8),
      address: at(8, 8),
      length: at(16, 8),
      flags: at(24, 4),
      prot: at(28, 4),
      memory_type: at(32, 4),
    },
  },
  ucp_mem_attr_t: {
    size: 32,
    fields: {
      field_mask: at(0, 8),
      address: at(8, 8),
      length: at(16, 8),
      mem_type: at(24, 4),
    },
  },
  ucp_dt_iov_t: {
    size: 16,
    fields: {
      buffer: at(0, 8),
      length: at(8, 8),
    },
  },
  sockaddr_in: {
    size: 16,
    fields: {
      sin_family: at(0, 2),
      sin_port: at(2, 2),
      sin_addr: at(4, 4),
    },
  },
  sockaddr_in6: {
    size: 28,
    fields: {
      sin6_family: at(0, 2),
      sin6_port: at(2, 2),
      sin6_flowinfo: at(4, 4),
      sin6_addr: at(8, 16),
      sin6_scope_id: at(24, 4),
    },
  },
  sockaddr_storage: {
    size: 128,
    fields: {
      ss_family: at(0, 2),
    },
  },
} as const satisfies Readonly<Record<string, StructLayout>>;

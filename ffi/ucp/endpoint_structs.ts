/** Structures of listeners, connection requests and endpoints. */
import type { Handle, Pointer } from "../host.ts";
import {
  UCP_CONN_REQUEST_ATTR_FIELD,
  UCP_EP_ATTR_FIELD,
  UCP_EP_PARAM_FIELD,
  UCP_EP_PARAMS_FLAGS,
  UCP_ERR_HANDLING_MODE,
  UCP_LISTENER_ATTR_FIELD,
  UCP_LISTENER_PARAM_FIELD,
} from "./constants.ts";
import { ucpLayout } from "./layout.ts";
import { cString } from "./native_memory.ts";
import { NativeStruct } from "./native_struct.ts";
import {
  decodeSocketAddress,
  encodeSocketAddress,
  type SocketAddress,
} from "./socket_address.ts";

/** A function that UCX calls, with the first argument that it is given. Keep the callback open as long as UCX may call it. */
export interface CallbackTarget {
  /** `NativeCallback.pointer` */
  readonly callback: Pointer;
  /** Any 64 bits, a number to look up for instance. @default 0 */
  readonly argument?: Handle;
}

/**
 * `ucp_listener_params_t`: `onConnection` is a `ucpCallbacks.connection`.
 *
 * Beware of IPv6 over TCP. In UCX 1.13, an endpoint from a connection request that came over IPv6, on a device that UCX
 * uses with its IPv4 address, writes beyond its memory (`uct_tcp_ep_set_dest_addr`, seen with valgrind), and the process
 * ends later in malloc. So it is with `TCP_AF_PRIO=inet,inet6`, the default; with `inet6,inet` the loopback device alone
 * is left to it. Look at `ConnectionRequestAttributes.clientAddress` before an endpoint is made.
 *
 * @throws {RangeError} as `encodeSocketAddress`
 */
export function createListenerParameters(
  address: SocketAddress,
  onConnection: CallbackTarget,
): NativeStruct<typeof ucpLayout.ucp_listener_params_t> {
  const encoded = encodeSocketAddress(address);
  return new NativeStruct(ucpLayout.ucp_listener_params_t)
    .addToMask(UCP_LISTENER_PARAM_FIELD.SOCK_ADDR)
    .point("sockaddr.addr", encoded)
    .write("sockaddr.addrlen", encoded.byteLength)
    .addToMask(UCP_LISTENER_PARAM_FIELD.CONN_HANDLER)
    .point("conn_handler.cb", onConnection.callback)
    .point("conn_handler.arg", onConnection.argument ?? 0);
}

/** `ucp_listener_attr_t`, to be filled by `ucp_listener_query`. */
export class ListenerAttributes extends NativeStruct<
  typeof ucpLayout.ucp_listener_attr_t
> {
  constructor() {
    super(ucpLayout.ucp_listener_attr_t);
    this.addToMask(UCP_LISTENER_ATTR_FIELD.SOCKADDR);
  }

  /** With the port that the system chose. */
  get address(): SocketAddress | undefined {
    return decodeSocketAddress(this.readBytes("sockaddr"));
  }
}

/** `ucp_conn_request_attr_t`, to be filled by `ucp_conn_request_query`. */
export class ConnectionRequestAttributes extends NativeStruct<
  typeof ucpLayout.ucp_conn_request_attr_t
> {
  /** @param withClientId asks for the client's id, which fails when the client sends none. @default false */
  constructor(withClientId = false) {
    super(ucpLayout.ucp_conn_request_attr_t);
    this.addToMask(UCP_CONN_REQUEST_ATTR_FIELD.CLIENT_ADDR);
    if (withClientId) this.addToMask(UCP_CONN_REQUEST_ATTR_FIELD.CLIENT_ID);
  }

  get clientAddress(): SocketAddress | undefined {
    return decodeSocketAddress(this.readBytes("client_address"));
  }

  get clientId(): bigint {
    return this.readBigint("client_id");
  }
}

/** Whom an endpoint is for. */
export type EndpointTarget =
  | { readonly socketAddress: SocketAddress }
  /** What the peer's `ucp_worker_query` gave, unchanged. */
  | { readonly workerAddress: Uint8Array }
  /** What the listener's callback was given; `ucp_ep_create` consumes it, also when it fails. */
  | { readonly connectionRequest: Handle };

/** What `ucp_ep_create` is told. */
export interface EndpointOptions {
  readonly to: EndpointTarget;
  /** A `ucpCallbacks.error`. The `user_data` of the structure is never set, since it would override the argument. */
  readonly onError?: CallbackTarget;
  /** One of `UCP_ERR_HANDLING_MODE`. @default PEER, without which a peer's death may never be noticed */
  readonly errorHandlingMode?: number;
  /** Not to itself, when the worker address is the worker's own. @default false */
  readonly noLoopback?: boolean;
  /** Tells a listener the worker's client id. @default false */
  readonly sendClientId?: boolean;
  /** Where to connect from. @default the system chooses */
  readonly localAddress?: SocketAddress;
  /** Shown in logs; UCX cuts it at 31 bytes. @default UCX's */
  readonly name?: string;
}

/** `ucp_ep_params_t` @throws {RangeError} as `encodeSocketAddress` */
export function createEndpointParameters(
  options: EndpointOptions,
): NativeStruct<typeof ucpLayout.ucp_ep_params_t> {
  const field = UCP_EP_PARAM_FIELD;
  const struct = new NativeStruct(ucpLayout.ucp_ep_params_t);
  const { to } = options;
  let flags = 0;
  if ("socketAddress" in to) {
    const encoded = encodeSocketAddress(to.socketAddress);
    flags |= UCP_EP_PARAMS_FLAGS.CLIENT_SERVER;
    struct
      .addToMask(field.SOCK_ADDR)
      .point("sockaddr.addr", encoded)
      .write("sockaddr.addrlen", encoded.byteLength);
  } else if ("workerAddress" in to) {
    struct.addToMask(field.REMOTE_ADDRESS).point("address", to.workerAddress);
  } else {
    struct
      .addToMask(field.CONN_REQUEST)
      .point("conn_request", to.connectionRequest);
  }
  struct
    .addToMask(field.ERR_HANDLING_MODE)
    .write("err_mode", options.errorHandlingMode ?? UCP_ERR_HANDLING_MODE.PEER);
  if (options.onError !== undefined) {
    struct
      .addToMask(field.ERR_HANDLER)
      .point("err_handler.cb", options.onError.callback)
      .point("err_handler.arg", options.onError.argument ?? 0);
  }
  if (options.noLoopback === true) flags |= UCP_EP_PARAMS_FLAGS.NO_LOOPBACK;
  if (options.sendClientId === true)
    flags |= UCP_EP_PARAMS_FLAGS.SEND_CLIENT_ID;
  if (flags !== 0) struct.addToMask(field.FLAGS).write("flags", flags);
  if (options.localAddress !== undefined) {
    const encoded = encodeSocketAddress(options.localAddress);
    struct
      .addToMask(field.LOCAL_SOCK_ADDR)
      .point("local_sockaddr.addr", encoded)
      .write("local_sockaddr.addrlen", encoded.byteLength);
  }
  if (options.name !== undefined) {
    struct.addToMask(field.NAME).point("name", cString(options.name));
  }
  return struct;
}

/** `ucp_ep_attr_t`, to be filled by `ucp_ep_query`. */
export class EndpointAttributes extends NativeStruct<
  typeof ucpLayout.ucp_ep_attr_t
> {
  /** @param withAddresses asks for both ends, which only endpoints made through sockets know. @default true */
  constructor(withAddresses = true) {
    super(ucpLayout.ucp_ep_attr_t);
    this.addToMask(UCP_EP_ATTR_FIELD.NAME);
    if (withAddresses) {
      this.addToMask(
        UCP_EP_ATTR_FIELD.LOCAL_SOCKADDR | UCP_EP_ATTR_FIELD.REMOTE_SOCKADDR,
      );
    }
  }

  get name(): string {
    return this.readText("name");
  }

  get localAddress(): SocketAddress | undefined {
    return decodeSocketAddress(this.readBytes("local_sockaddr"));
  }

  get remoteAddress(): SocketAddress | undefined {
    return decodeSocketAddress(this.readBytes("remote_sockaddr"));
  }
}

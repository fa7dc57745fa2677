import {
  addressOf,
  handleOf,
  openCallback,
  pointerAt,
  viewOf,
} from "../../../ffi/host.ts";
import { createActiveMessageHandler } from "../../../ffi/ucp/active_message_structs.ts";
import { constantGroups } from "../../../ffi/ucp/constants.ts";
import {
  createContextParameters,
  createWorkerParameters,
  WorkerAttributes,
} from "../../../ffi/ucp/context_structs.ts";
import {
  ConnectionRequestAttributes,
  createEndpointParameters,
  createListenerParameters,
  EndpointAttributes,
  ListenerAttributes,
} from "../../../ffi/ucp/endpoint_structs.ts";
import { type StructLayout, ucpLayout } from "../../../ffi/ucp/layout.ts";
import { createMemoryMapParameters } from "../../../ffi/ucp/memory_structs.ts";
import { NativeCell, NativeStruct } from "../../../ffi/ucp/native_struct.ts";
import {
  contiguous,
  createRequestParameters,
  IovArray,
  RequestAttributes,
  StreamPollEntries,
  TagReceiveInfo,
} from "../../../ffi/ucp/request_structs.ts";
import { encodeSocketAddress } from "../../../ffi/ucp/socket_address.ts";
import { ucpCallbacks } from "../../../ffi/ucp/symbols.ts";
import { describe, expect, test } from "../../support/testing.ts";

/** Every field that is not zero, as a number without a sign. */
function filled<Layout extends StructLayout>(
  struct: NativeStruct<Layout>,
  layout: Layout,
): Record<string, bigint> {
  const values = Object.keys(layout.fields).map(
    (name) => [name, struct.readBigint(name)] as const,
  );
  return Object.fromEntries(values.filter(([, value]) => value !== 0n));
}

/** What C sees behind a pointer in a structure. */
function pointedTo(address: bigint, byteLength: number): Uint8Array {
  const pointer = pointerAt(address);
  if (pointer === null) throw new Error("null");
  return new Uint8Array(viewOf(pointer, byteLength));
}

function handler() {
  return openCallback(ucpCallbacks.error, () => {});
}

describe("NativeStruct", () => {
  const layout = {
    size: 32,
    fields: {
      field_mask: { offset: 0, size: 8 },
      byte: { offset: 8, size: 1 },
      int: { offset: 12, size: 4 },
      pointer: { offset: 16, size: 8 },
      text: { offset: 24, size: 8 },
    },
  } as const;

  test("writes and reads integers as wide as the field, in the order of the machine", () => {
    const struct = new NativeStruct(layout);
    struct.write("int", 0x01020304).write("byte", 255);
    struct.write("pointer", 2n ** 64n - 2n);
    expect([...struct.bytes.subarray(8, 16)]).toEqual([
      255, 0, 0, 0, 4, 3, 2, 1,
    ]);
    expect(struct.readNumber("int")).toBe(0x01020304);
    expect(struct.readBigint("pointer")).toBe(2n ** 64n - 2n);
    struct.write("int", -2);
    expect(struct.readNumber("int")).toBe(0xffff_fffe);
    expect(() => struct.readNumber("pointer")).toThrow("above 2^53 - 1");
  });

  test("refuses what does not fit", () => {
    const struct = new NativeStruct(layout);
    expect(() => struct.write("byte", 256)).toThrow(RangeError);
    expect(() => struct.write("byte", -129)).toThrow(RangeError);
    expect(() => struct.write("pointer", 2n ** 64n)).toThrow(RangeError);
    expect(() => struct.write("int", 1.5)).toThrow(RangeError);
    expect(filled(struct, layout)).toEqual({});
  });

  test("collects the bits of its mask", () => {
    const struct = new NativeStruct(layout).addToMask(1).addToMask(256);
    expect(struct.readBigint("field_mask")).toBe(257n);
    struct.addToMask(0x8000_0000, "int");
    expect(struct.readNumber("int")).toBe(0x8000_0000);
  });

  test("points to views, handles and pointers", () => {
    const struct = new NativeStruct(layout);
    const target = new Uint8Array([1, 2, 3]);
    struct.point("pointer", target);
    expect(pointedTo(struct.readBigint("pointer"), 3)).toEqual(target);
    expect(struct.readHandle("pointer")).toBe(handleOf(target));
    using callback = handler();
    struct.point("pointer", callback.pointer);
    expect(struct.readBigint("pointer")).toBe(addressOf(callback.pointer));
    struct.point("pointer", 12n);
    expect(struct.readBigint("pointer")).toBe(12n);
  });

  test("reads text up to the first zero, or all of it", () => {
    const struct = new NativeStruct(layout);
    struct.readBytes("text").set(new TextEncoder().encode("abc\0def"));
    expect(struct.readText("text")).toBe("abc");
    struct.readBytes("text").fill(120);
    expect(struct.readText("text")).toBe("xxxxxxxx");
  });

  test("is where its handle says", () => {
    const struct = new NativeStruct(layout).write("int", 7);
    const seen = pointedTo(BigInt(struct.handle), struct.bytes.byteLength);
    expect(seen).toEqual(struct.bytes);
  });
});

describe("ucp parameters", () => {
  test("of a context hold what was asked for, and nothing else", () => {
    const layout = ucpLayout.ucp_params_t;
    const least = createContextParameters({ features: 65 });
    expect(filled(least, layout)).toEqual({ field_mask: 1n, features: 65n });
    const all = createContextParameters({
      features: 127,
      tagSenderMask: 2n ** 63n,
      workersShared: true,
      estimatedEndpoints: 3000,
      estimatedProcessesPerNode: 4,
      name: "näme",
    });
    const { name = 0n, ...rest } = filled(all, layout);
    expect(rest).toEqual({
      field_mask: 0b1_1111_0001n,
      features: 127n,
      tag_sender_mask: 2n ** 63n,
      mt_workers_shared: 1n,
      estimated_num_eps: 3000n,
      estimated_num_ppn: 4n,
    });
    expect([...pointedTo(name, 6)]).toEqual([
      ...new TextEncoder().encode("näme\0"),
    ]);
    expect(() =>
      createContextParameters({ features: 1, name: "a\0b" }),
    ).toThrow(RangeError);
  });

  test("of a worker hold what was asked for, and nothing else", () => {
    const layout = ucpLayout.ucp_worker_params_t;
    const least = createWorkerParameters({ threadMode: 2 });
    expect(filled(least, layout)).toEqual({ field_mask: 1n, thread_mode: 2n });
    const all = createWorkerParameters({
      threadMode: 1,
      cpus: [0, 9, 1023],
      events: 0xc00,
      eventDescriptor: 3,
      ignoreRequestLeak: true,
      name: "w",
      activeMessageAlignment: 64,
      clientId: 2n ** 64n - 1n,
    });
    const { name = 0n, ...rest } = filled(all, layout);
    expect(rest).toEqual({
      field_mask: 0b1_1111_0111n,
      thread_mode: 1n,
      cpu_mask: (1n << 1023n) | (1n << 9n) | 1n,
      events: 0xc00n,
      event_fd: 3n,
      flags: 1n,
      am_alignment: 64n,
      client_id: 2n ** 64n - 1n,
    });
    expect([...pointedTo(name, 2)]).toEqual([119, 0]);
    expect(() =>
      createWorkerParameters({ threadMode: 0, cpus: [1024] }),
    ).toThrow("cpus must be integers from 0 to 1023, got 1024");
  });

  test("of a worker's attributes ask for an address only on request", () => {
    const maskOf = (attributes: WorkerAttributes) =>
      filled(attributes, ucpLayout.ucp_worker_attr_t);
    expect(maskOf(new WorkerAttributes())).toEqual({ field_mask: 0b11_1001n });
    expect(maskOf(new WorkerAttributes("all"))).toEqual({
      field_mask: 0b11_1011n,
    });
    expect(maskOf(new WorkerAttributes("network"))).toEqual({
      field_mask: 0b11_1111n,
      address_flags: 1n,
    });
  });

  test("of a listener point to the address and to the callback", () => {
    using callback = handler();
    const address = { address: "127.0.0.1", port: 80 };
    const struct = createListenerParameters(address, {
      callback: callback.pointer,
      argument: 9,
    });
    const { "sockaddr.addr": pointer = 0n, ...rest } = filled(
      struct,
      ucpLayout.ucp_listener_params_t,
    );
    expect(rest).toEqual({
      field_mask: 5n,
      "sockaddr.addrlen": 16n,
      "conn_handler.cb": addressOf(callback.pointer),
      "conn_handler.arg": 9n,
    });
    expect(pointedTo(pointer, 16)).toEqual(encodeSocketAddress(address));
  });

  test("of an endpoint to a socket address", () => {
    using callback = handler();
    const remote = { address: "::1", port: 81 };
    const local = { address: "127.0.0.1", port: 0 };
    const struct = createEndpointParameters({
      to: { socketAddress: remote },
      onError: { callback: callback.pointer, argument: 2n ** 40n },
      sendClientId: true,
      localAddress: local,
      name: "e",
    });
    const {
      "sockaddr.addr": to = 0n,
      "local_sockaddr.addr": from = 0n,
      name = 0n,
      ...rest
    } = filled(struct, ucpLayout.ucp_ep_params_t);
    expect(rest).toEqual({
      field_mask: 0b1_1011_0110n,
      err_mode: 1n,
      "err_handler.cb": addressOf(callback.pointer),
      "err_handler.arg": 2n ** 40n,
      flags: 5n,
      "sockaddr.addrlen": 28n,
      "local_sockaddr.addrlen": 16n,
    });
    expect(pointedTo(to, 28)).toEqual(encodeSocketAddress(remote));
    expect(pointedTo(from, 16)).toEqual(encodeSocketAddress(local));
    expect([...pointedTo(name, 2)]).toEqual([101, 0]);
  });

  test("of an endpoint to a worker address, and from a connection request", () => {
    const layout = ucpLayout.ucp_ep_params_t;
    const workerAddress = new Uint8Array([5, 6, 7]);
    const direct = createEndpointParameters({
      to: { workerAddress },
      noLoopback: true,
      errorHandlingMode: 0,
    });
    expect(filled(direct, layout)).toEqual({
      field_mask: 0b10_0011n,
      address: BigInt(handleOf(workerAddress)),
      flags: 2n,
    });
    const accepted = createEndpointParameters({
      to: { connectionRequest: 0x7f00_0000_1000 },
    });
    expect(filled(accepted, layout)).toEqual({
      field_mask: 0b100_0010n,
      conn_request: 0x7f00_0000_1000n,
      err_mode: 1n,
    });
  });

  test("of a request hold what was asked for, and nothing else", () => {
    const layout = ucpLayout.ucp_request_param_t;
    expect(filled(createRequestParameters(), layout)).toEqual({});
    const replyBuffer = new BigUint64Array(1);
    const all = createRequestParameters({
      attributes: 0x1_0000,
      flags: 1,
      datatype: contiguous(8),
      memoryType: 1,
      replyBuffer,
      memoryHandle: 0x5000,
    });
    expect(filled(all, layout)).toEqual({
      op_attr_mask: 0x1_0178n,
      flags: 1n,
      datatype: 64n,
      memory_type: 1n,
      reply_buffer: BigInt(handleOf(replyBuffer)),
      memh: 0x5000n,
    });
    const host = createRequestParameters({ memoryType: 0 });
    expect(filled(host, layout)).toEqual({ op_attr_mask: 64n });
  });

  test("of an active message's handler", () => {
    using callback = handler();
    const struct = createActiveMessageHandler({
      id: 0,
      onMessage: { callback: callback.pointer },
      flags: 2,
    });
    expect(filled(struct, ucpLayout.ucp_am_handler_param_t)).toEqual({
      field_mask: 15n,
      flags: 2n,
      cb: addressOf(callback.pointer),
    });
  });

  test("of mapped memory: allocated, registered, and of a device", () => {
    const layout = ucpLayout.ucp_mem_map_params_t;
    const own = createMemoryMapParameters({
      byteLength: 10,
      nonblocking: true,
    });
    expect(filled(own, layout)).toEqual({
      field_mask: 6n,
      length: 10n,
      flags: 3n,
    });
    const memory = new Uint8Array(20);
    const registered = createMemoryMapParameters({ memory, protection: 257 });
    expect(filled(registered, layout)).toEqual({
      field_mask: 11n,
      address: BigInt(handleOf(memory)),
      length: 20n,
      prot: 257n,
    });
    const device = createMemoryMapParameters({
      memory: 0x1000,
      byteLength: 5,
      memoryType: 1,
    });
    expect(filled(device, layout)).toEqual({
      field_mask: 19n,
      address: 0x1000n,
      length: 5n,
      memory_type: 1n,
    });
    expect(() => createMemoryMapParameters({ memory: 0x1000 })).toThrow(
      TypeError,
    );
  });
});

describe("ucp results", () => {
  test("addresses are read out of attributes", () => {
    const address = { address: "fd00::9", port: 65_535 };
    const encoded = encodeSocketAddress(address);
    const listener = new ListenerAttributes();
    expect(listener.address).toBeUndefined();
    listener.readBytes("sockaddr").set(encoded);
    expect(listener.address).toEqual(address);
    const request = new ConnectionRequestAttributes(true);
    expect(request.readBigint("field_mask")).toBe(3n);
    request.readBytes("client_address").set(encoded);
    request.write("client_id", 77n);
    expect([request.clientAddress, request.clientId]).toEqual([address, 77n]);
    const endpoint = new EndpointAttributes();
    expect(endpoint.readBigint("field_mask")).toBe(7n);
    expect(new EndpointAttributes(false).readBigint("field_mask")).toBe(1n);
    endpoint.readBytes("remote_sockaddr").set(encoded);
    expect([endpoint.localAddress, endpoint.remoteAddress]).toEqual([
      undefined,
      address,
    ]);
  });

  test("of a tag receive are exact above 2^32", () => {
    const info = new TagReceiveInfo();
    const words = new BigUint64Array(info.bytes.buffer);
    words[0] = 2n ** 64n - 1n;
    words[1] = 5_000_000_000n;
    expect(info.length).toBe(5_000_000_000);
    expect(info.senderTag).toBe(2n ** 64n - 1n);
  });

  test("of a request have a status with a sign", () => {
    const attributes = new RequestAttributes(8);
    attributes.write("status", -16);
    expect(attributes.status).toBe(-16);
    expect(attributes.readNumber("debug_string_size")).toBe(8);
    expect(attributes.text).toBe("");
  });

  test("cells are read as an object, a size and an int", () => {
    const cell = new NativeCell();
    new DataView(cell.bytes.buffer).setBigUint64(0, 0x1_ffff_ffffn, true);
    expect(BigInt(cell.object)).toBe(0x1_ffff_ffffn);
    expect(cell.size).toBe(0x1_ffff_ffff);
    expect(cell.int).toBe(-1);
  });

  test("stream entries are 40 bytes apart", () => {
    const entries = new StreamPollEntries(2);
    const view = new DataView(entries.bytes.buffer);
    view.setBigUint64(40, 1n, true);
    view.setBigUint64(48, 2n, true);
    expect(Number(entries.endpointAt(1))).toBe(1);
    expect(Number(entries.userDataAt(1))).toBe(2);
    expect(!entries.endpointAt(0)).toBe(true);
    expect(() => new StreamPollEntries(0)).toThrow(RangeError);
  });

  test("a scattered message lists address and length of each part", () => {
    const first = new Uint8Array([1, 2]);
    const iov = new IovArray([first, { address: 0x1000, byteLength: 7 }]);
    expect([...new BigUint64Array(iov.bytes.buffer)]).toEqual([
      BigInt(handleOf(first)),
      2n,
      0x1000n,
      7n,
    ]);
    expect([iov.count, iov.byteLength]).toEqual([2, 9]);
    const none = new IovArray([]);
    expect([none.count, !none.handle]).toEqual([0, true]);
  });
});

describe("ucp tables", () => {
  test("no field of a structure lies in another one or outside", () => {
    for (const [name, { size, fields }] of Object.entries(ucpLayout)) {
      let end = 0;
      for (const [field, at] of Object.entries(fields)) {
        expect([name, field, at.offset >= end]).toEqual([name, field, true]);
        end = at.offset + at.size;
      }
      expect([name, end <= size]).toEqual([name, true]);
    }
  });

  test("no two constants of a group are the same", () => {
    for (const [name, group] of Object.entries(constantGroups)) {
      const values = Object.values(group);
      expect([name, new Set(values).size]).toEqual([name, values.length]);
    }
  });
});

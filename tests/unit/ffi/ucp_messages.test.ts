import { type Handle, openCallback, sizeAt } from "../../../ffi/host.ts";
import {
  ActiveMessageParameters,
  createActiveMessageHandler,
} from "../../../ffi/ucp/active_message_structs.ts";
import {
  UCP_AM_FLAG,
  UCP_AM_SEND_FLAG,
  UCP_ATOMIC_OP,
  UCP_FEATURE,
  UCP_STREAM_RECV_FLAG,
  UCS_MEMORY_TYPE,
} from "../../../ffi/ucp/constants.ts";
import {
  createMemoryMapParameters,
  MemoryAttributes,
} from "../../../ffi/ucp/memory_structs.ts";
import { copyOf, viewAt } from "../../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../../ffi/ucp/native_struct.ts";
import {
  contiguous,
  createRequestParameters,
  StreamPollEntries,
} from "../../../ffi/ucp/request_structs.ts";
import { UCS } from "../../../ffi/ucp/status.ts";
import { ucpCallbacks } from "../../../ffi/ucp/symbols.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { empty, numbered, UcpPair } from "../../support/ucp_pair.ts";

describe("ucp streams", () => {
  test("are polled, read whole and read without a copy", () => {
    using pair = new UcpPair(UCP_FEATURE.STREAM);
    const { functions } = pair.ucp;
    const to = pair.connect(pair.first, {
      workerAddress: pair.addressOf(pair.second),
    });
    const from = pair.connect(
      pair.second,
      { workerAddress: pair.addressOf(pair.first) },
      41,
    );
    const whole = createRequestParameters({
      flags: UCP_STREAM_RECV_FLAG.WAITALL,
    });
    const length = new NativeCell();
    const into = empty(70_000);
    const receive = functions.ucp_stream_recv_nbx(
      from,
      into,
      sizeAt(into.byteLength),
      length.handle,
      whole.handle,
    );
    const plain = pair.plain.handle;
    const send = (bytes: Uint8Array) =>
      functions.ucp_stream_send_nbx(to, bytes, sizeAt(bytes.byteLength), plain);
    const sends = [send(numbered(30_000)), send(numbered(40_000))];
    let status: number = UCS.UCS_INPROGRESS;
    pair.until("stream", () => {
      status = functions.ucp_stream_recv_request_test(receive, length.handle);
      return status !== UCS.UCS_INPROGRESS;
    });
    functions.ucp_request_free(receive);
    expect([status, length.size]).toEqual([UCS.UCS_OK, 70_000]);
    for (const result of sends) pair.finish(result);
    expect(into.subarray(30_000)).toEqual(numbered(40_000));

    const entries = new StreamPollEntries(4);
    pair.finish(send(numbered(10)));
    let count = 0;
    pair.until("poll", () => {
      count = Number(
        functions.ucp_stream_worker_poll(
          pair.second,
          entries.handle,
          sizeAt(entries.capacity),
          0,
        ),
      );
      return count !== 0;
    });
    expect(count).toBe(1);
    expect(entries.endpointAt(0)).toBe(from);
    expect(Number(entries.userDataAt(0))).toBe(41);
    const data = functions.ucp_stream_recv_data_nb(from, length.handle);
    expect(copyOf(data, length.size)).toEqual(numbered(10));
    functions.ucp_stream_data_release(from, data);
  });
});

describe("ucp active messages", () => {
  test("arrive with header, data and an endpoint to reply to", () => {
    using pair = new UcpPair(UCP_FEATURE.AM);
    const { functions } = pair.ucp;
    const to = pair.connect(pair.first, {
      workerAddress: pair.addressOf(pair.second),
    });
    const back = pair.connect(pair.second, {
      workerAddress: pair.addressOf(pair.first),
    });
    const parameters = new ActiveMessageParameters();
    const seen: unknown[] = [];
    let rendezvous: { descriptor: Handle; length: number } | undefined;
    using handler = openCallback(
      ucpCallbacks.activeMessage,
      (argument, header, headerLength, data, length, given) => {
        parameters.load(given);
        seen.push([
          Number(argument),
          [...copyOf(header, headerLength)],
          Number(length),
          parameters.replyEndpoint === back,
        ]);
        if (!parameters.isRendezvous) {
          seen.push([...copyOf(data, length)]);
          return UCS.UCS_OK;
        }
        rendezvous = { descriptor: data, length: Number(length) };
        return UCS.UCS_INPROGRESS;
      },
    );
    pair.check(
      functions.ucp_worker_set_am_recv_handler(
        pair.second,
        createActiveMessageHandler({
          id: 7,
          onMessage: { callback: handler.pointer, argument: 13 },
          flags: UCP_AM_FLAG.WHOLE_MSG,
        }).bytes,
      ),
    );
    const reply = createRequestParameters({ flags: UCP_AM_SEND_FLAG.REPLY });
    const send = (header: Uint8Array | null, data: Uint8Array) =>
      functions.ucp_am_send_nbx(
        to,
        7,
        header,
        sizeAt(header?.byteLength ?? 0),
        data,
        sizeAt(data.byteLength),
        reply.handle,
      );
    pair.finish(send(numbered(3), numbered(5)));
    pair.until("message", () => seen.length === 2);
    expect(seen).toEqual([[13, [...numbered(3)], 5, true], [...numbered(5)]]);
    const large = send(null, numbered(1_000_000));
    pair.until("rendezvous", () => rendezvous !== undefined);
    if (rendezvous === undefined) throw new Error("unreachable");
    const into = empty(rendezvous.length);
    const receive = functions.ucp_am_recv_data_nbx(
      pair.second,
      rendezvous.descriptor,
      into,
      sizeAt(into.byteLength),
      pair.plain.handle,
    );
    expect(pair.finish(receive)).toBe(UCS.UCS_OK);
    expect(pair.finish(large)).toBe(UCS.UCS_OK);
    expect(into).toEqual(numbered(1_000_000));
  });

  test("data may be kept beyond the callback", () => {
    using pair = new UcpPair(UCP_FEATURE.AM);
    const { functions } = pair.ucp;
    const to = pair.connect(pair.first, {
      workerAddress: pair.addressOf(pair.second),
    });
    const parameters = new ActiveMessageParameters();
    const kept: { data: Handle; length: number; reply: Handle }[] = [];
    using handler = openCallback(
      ucpCallbacks.activeMessage,
      (_argument, _header, _headerLength, data, length, given) => {
        const { isKeepable, replyEndpoint } = parameters.load(given);
        if (!isKeepable) return UCS.UCS_OK;
        kept.push({ data, length: Number(length), reply: replyEndpoint });
        return UCS.UCS_INPROGRESS;
      },
    );
    pair.check(
      functions.ucp_worker_set_am_recv_handler(
        pair.second,
        createActiveMessageHandler({
          id: 1,
          onMessage: { callback: handler.pointer },
          flags: UCP_AM_FLAG.PERSISTENT_DATA,
        }).bytes,
      ),
    );
    const sent = numbered(300);
    const { handle } = pair.plain;
    pair.finish(
      functions.ucp_am_send_nbx(
        to,
        1,
        null,
        sizeAt(0),
        sent,
        sizeAt(300),
        handle,
      ),
    );
    pair.until("message", () => kept.length === 1);
    const [message] = kept;
    if (message === undefined) throw new Error("unreachable");
    expect(!message.reply).toBe(true);
    expect(viewAt(message.data, message.length)).toEqual(sent);
    functions.ucp_am_data_release(pair.second, message.data);
  });
});

describe("ucp remote memory", () => {
  test("is mapped, put, read, and changed by atomic operations", () => {
    using pair = new UcpPair(UCP_FEATURE.RMA | UCP_FEATURE.AMO64);
    const { functions } = pair.ucp;
    const to = pair.connect(pair.first, {
      workerAddress: pair.addressOf(pair.second),
    });
    const map = createMemoryMapParameters({ byteLength: 4096 });
    pair.check(functions.ucp_mem_map(pair.context, map.bytes, pair.cell.bytes));
    const memory = pair.cell.object;
    const attributes = new MemoryAttributes();
    pair.check(functions.ucp_mem_query(memory, attributes.bytes));
    expect(attributes.byteLength).toBeGreaterThanOrEqual(4096);
    expect(attributes.memoryType).toBe(UCS_MEMORY_TYPE.HOST);

    const length = new NativeCell();
    pair.check(
      functions.ucp_rkey_pack(
        pair.context,
        memory,
        pair.cell.bytes,
        length.bytes,
      ),
    );
    const packed = copyOf(pair.cell.object, length.size);
    functions.ucp_rkey_buffer_release(pair.cell.object);
    pair.check(functions.ucp_ep_rkey_unpack(to, packed, pair.cell.bytes));
    const key = pair.cell.object;

    const remote = BigInt(attributes.address);
    const plain = pair.plain.handle;
    const sent = numbered(1000);
    pair.finish(
      functions.ucp_put_nbx(to, sent, sizeAt(1000), remote + 8n, key, plain),
    );
    expect(pair.finish(functions.ucp_ep_flush_nbx(to, plain))).toBe(UCS.UCS_OK);
    const into = empty(1000);
    pair.finish(
      functions.ucp_get_nbx(to, into, sizeAt(1000), remote + 8n, key, plain),
    );
    expect(into).toEqual(sent);
    expect(viewAt(attributes.address, 1008).subarray(8)).toEqual(sent);

    const old = new BigUint64Array(new ArrayBuffer(8));
    const operand = new BigUint64Array(new ArrayBuffer(8));
    const fetching = createRequestParameters({
      datatype: contiguous(8),
      replyBuffer: old,
    });
    const add = (value: bigint) => {
      operand[0] = value;
      return pair.finish(
        functions.ucp_atomic_op_nbx(
          to,
          UCP_ATOMIC_OP.ADD,
          operand,
          sizeAt(1),
          remote,
          key,
          fetching.handle,
        ),
      );
    };
    expect(add(5n)).toBe(UCS.UCS_OK);
    const before = old[0] ?? -1n;
    expect(add(1n)).toBe(UCS.UCS_OK);
    expect(old[0]).toBe(before + 5n);
    pair.check(functions.ucp_worker_fence(pair.first));
    expect(pair.finish(functions.ucp_worker_flush_nbx(pair.first, plain))).toBe(
      UCS.UCS_OK,
    );
    pair.check(functions.ucp_rkey_ptr(key, remote, pair.cell.bytes));
    expect(viewAt(pair.cell.object, 8)).toEqual(viewAt(attributes.address, 8));
    functions.ucp_rkey_destroy(key);
    pair.check(functions.ucp_mem_unmap(pair.context, memory));
  });
});

import { type Handle, handleOf, sizeAt } from "../../../ffi/host.ts";
import {
  UCP_DATATYPE,
  UCP_FEATURE,
  UCS_MEMORY_TYPE,
  UCS_THREAD_MODE,
} from "../../../ffi/ucp/constants.ts";
import {
  ContextAttributes,
  LibraryAttributes,
  WorkerAddressAttributes,
  WorkerAttributes,
} from "../../../ffi/ucp/context_structs.ts";
import { capturePrinted } from "../../../ffi/ucp/native_memory.ts";
import {
  alwaysRequest,
  createRequestParameters,
  IovArray,
  RequestAttributes,
  TagReceiveInfo,
} from "../../../ffi/ucp/request_structs.ts";
import { isRequest, UCS } from "../../../ffi/ucp/status.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { empty, numbered, UcpPair } from "../../support/ucp_pair.ts";

const allBits = 2n ** 64n - 1n;

describe("ucp attributes", () => {
  test("say what the library, the context and a worker are", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG | UCP_FEATURE.AM);
    const { functions } = pair.ucp;
    const library = new LibraryAttributes();
    pair.check(functions.ucp_lib_query(library.bytes));
    expect(library.maxThreadLevel).toBe(UCS_THREAD_MODE.MULTI);
    const context = new ContextAttributes();
    pair.check(functions.ucp_context_query(pair.context, context.bytes));
    expect(context.requestSize).toBeGreaterThan(100);
    expect(context.threadMode).toBe(UCS_THREAD_MODE.SINGLE);
    expect(context.memoryTypes & 1n).toBe(1n);
    expect(context.name).toBe("pair");
    const worker = new WorkerAttributes();
    pair.check(functions.ucp_worker_query(pair.first, worker.bytes));
    expect(worker.threadMode).toBe(UCS_THREAD_MODE.SINGLE);
    expect(worker.maxActiveMessageHeader).toBeGreaterThan(1000);
    expect(worker.maxInfoText).toBeGreaterThan(10);
    expect(worker.name).not.toBe("");
    expect(worker.addressLength).toBe(0);
  });

  test("a worker's addresses share one id, which no other worker has", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG);
    const idOf = (worker: Handle) => {
      const attributes = new WorkerAddressAttributes();
      const address = pair.addressOf(worker);
      const { ucp_worker_address_query: query } = pair.ucp.functions;
      pair.check(query(address, attributes.bytes));
      return attributes.workerUid;
    };
    expect(idOf(pair.first)).toBe(idOf(pair.first));
    expect(idOf(pair.first)).not.toBe(idOf(pair.second));
  });

  test("objects print what they are into memory", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG);
    const { functions } = pair.ucp;
    const context = capturePrinted((stream) =>
      functions.ucp_context_print_info(pair.context, stream),
    );
    expect(context).toContain("UCP context");
    const worker = capturePrinted((stream) =>
      functions.ucp_worker_print_info(pair.first, stream),
    );
    expect(worker).toContain("UCP worker");
  });
});

describe("ucp tags", () => {
  test("carry a message, its tag and its true length", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG);
    const { functions } = pair.ucp;
    const to = pair.connect(pair.first, {
      workerAddress: pair.addressOf(pair.second),
    });
    const always = createRequestParameters({ attributes: alwaysRequest });
    const info = new TagReceiveInfo();
    const tag = 0xc000_0001_0000_0007n;
    for (const length of [0, 8, 1000, 100_000, 3_000_000]) {
      const sent = numbered(length);
      const into = empty(length + 8);
      const receive = functions.ucp_tag_recv_nbx(
        pair.second,
        into,
        sizeAt(into.byteLength),
        tag,
        allBits,
        always.handle,
      );
      expect(isRequest(receive)).toBe(true);
      const send = functions.ucp_tag_send_nbx(
        to,
        sent,
        sizeAt(length),
        tag,
        pair.plain.handle,
      );
      expect(pair.finishReceive(receive, info)).toBe(UCS.UCS_OK);
      expect(pair.finish(send)).toBe(UCS.UCS_OK);
      expect(info.length).toBe(length);
      expect(info.senderTag).toBe(tag);
      expect(into.subarray(0, length)).toEqual(sent);
      expect(into.subarray(length)).toEqual(empty(8));
    }
  });

  test("a message that is too long is truncated, and its true length is told", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG);
    const { functions } = pair.ucp;
    const to = pair.connect(pair.first, {
      workerAddress: pair.addressOf(pair.second),
    });
    const always = createRequestParameters({ attributes: alwaysRequest });
    const info = new TagReceiveInfo();
    const into = empty(4);
    const plain = pair.plain.handle;
    pair.finish(
      functions.ucp_tag_send_nbx(to, numbered(10), sizeAt(10), 1n, plain),
    );
    const receive = functions.ucp_tag_recv_nbx(
      pair.second,
      into,
      sizeAt(4),
      1n,
      allBits,
      always.handle,
    );
    expect(pair.finishReceive(receive, info)).toBe(
      UCS.UCS_ERR_MESSAGE_TRUNCATED,
    );
    expect(info.length).toBe(10);
  });

  test("a probe removes a message, which is then received by its handle", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG);
    const { functions } = pair.ucp;
    const to = pair.connect(pair.first, {
      workerAddress: pair.addressOf(pair.second),
    });
    const info = new TagReceiveInfo();
    const probe = (mask: bigint) =>
      functions.ucp_tag_probe_nb(pair.second, 5n, mask, 1, info.handle);
    expect(!probe(allBits)).toBe(true);
    const plain = pair.plain.handle;
    pair.finish(
      functions.ucp_tag_send_nbx(to, numbered(9), sizeAt(9), 5n, plain),
    );
    let message: Handle = 0;
    pair.until("message", () => {
      message = probe(0xffn);
      return message > 0;
    });
    expect([info.length, info.senderTag]).toEqual([9, 5n]);
    const into = empty(9);
    const receive = functions.ucp_tag_msg_recv_nbx(
      pair.second,
      into,
      sizeAt(9),
      message,
      plain,
    );
    expect(pair.finish(receive)).toBe(UCS.UCS_OK);
    expect(into).toEqual(numbered(9));
  });

  test("scattered data becomes one message, and a message is scattered", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG);
    const { addressFunctions } = pair.ucp;
    const to = pair.connect(pair.first, {
      workerAddress: pair.addressOf(pair.second),
    });
    const iov = createRequestParameters({
      datatype: UCP_DATATYPE.IOV,
      attributes: alwaysRequest,
      memoryType: UCS_MEMORY_TYPE.HOST,
    });
    const all = numbered(100);
    const out = new IovArray([all.subarray(0, 30), all.subarray(30)]);
    const ends = [empty(60), empty(39), empty(10)] as const;
    const native = empty(1);
    const into = new IovArray([
      ends[0],
      { address: handleOf(native), byteLength: 1 },
      ends[1],
      ends[2],
    ]);
    expect([out.count, out.byteLength, into.byteLength]).toEqual([2, 100, 110]);
    const info = new TagReceiveInfo();
    const receive = addressFunctions.ucp_tag_recv_nbx(
      pair.second,
      into.handle,
      sizeAt(into.count),
      0n,
      0n,
      iov.handle,
    );
    const send = addressFunctions.ucp_tag_send_nbx(
      to,
      out.handle,
      sizeAt(out.count),
      9n,
      iov.handle,
    );
    expect(pair.finishReceive(receive, info)).toBe(UCS.UCS_OK);
    expect(pair.finish(send)).toBe(UCS.UCS_OK);
    expect(info.length).toBe(100);
    const got = [...ends[0], ...native, ...ends[1], ...ends[2]];
    expect(got.slice(0, 100)).toEqual([...all]);
  });

  test("a request that waits says what it is, and can be cancelled", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG);
    const { functions } = pair.ucp;
    const always = createRequestParameters({ attributes: alwaysRequest });
    const into = empty(64);
    const request = functions.ucp_tag_recv_nbx(
      pair.second,
      into,
      sizeAt(64),
      1n,
      allBits,
      always.handle,
    );
    const attributes = new RequestAttributes();
    pair.check(functions.ucp_request_query(request, attributes.bytes));
    expect(attributes.status).toBe(UCS.UCS_INPROGRESS);
    expect(attributes.memoryType).toBe(UCS_MEMORY_TYPE.HOST);
    expect(attributes.text).toContain("recv");
    functions.ucp_request_cancel(pair.second, request);
    expect(pair.finish(request)).toBe(UCS.UCS_ERR_CANCELED);
  });
});

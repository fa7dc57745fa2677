import { type Handle, openCallback } from "../../../ffi/host.ts";
import { UCP_EP_CLOSE_FLAG, UCP_FEATURE } from "../../../ffi/ucp/constants.ts";
import {
  ConnectionRequestAttributes,
  createListenerParameters,
  EndpointAttributes,
  ListenerAttributes,
} from "../../../ffi/ucp/endpoint_structs.ts";
import { capturePrinted } from "../../../ffi/ucp/native_memory.ts";
import { createRequestParameters } from "../../../ffi/ucp/request_structs.ts";
import { UCS } from "../../../ffi/ucp/status.ts";
import { ucpCallbacks } from "../../../ffi/ucp/symbols.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { UcpPair } from "../../support/ucp_pair.ts";

describe("ucp connections", () => {
  test("a listener tells its port and its client, and a forced close reaches the peer", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG, {
      TLS: "tcp",
      NET_DEVICES: "lo",
    });
    const { functions } = pair.ucp;
    const requests: Handle[] = [];
    using onConnection = openCallback(
      ucpCallbacks.connection,
      (request, argument) => {
        if (Number(argument) === 6) requests.push(request);
      },
    );
    const parameters = createListenerParameters(
      { address: "127.0.0.1", port: 0 },
      { callback: onConnection.pointer, argument: 6 },
    );
    const { cell } = pair;
    pair.check(
      functions.ucp_listener_create(pair.second, parameters.bytes, cell.bytes),
    );
    const listener = cell.object;
    const listening = new ListenerAttributes();
    pair.check(functions.ucp_listener_query(listener, listening.bytes));
    const address = listening.address;
    if (address === undefined) throw new Error("no address");
    expect(address.address).toBe("127.0.0.1");
    expect(address.port).toBeGreaterThan(0);

    const client = pair.connect(pair.first, { socketAddress: address }, 1);
    pair.until("request", () => requests.length === 1);
    const [request = 0] = requests;
    const attributes = new ConnectionRequestAttributes();
    pair.check(functions.ucp_conn_request_query(request, attributes.bytes));
    expect(attributes.clientAddress?.address).toBe("127.0.0.1");
    const server = pair.connect(pair.second, { connectionRequest: request }, 2);
    const flush = functions.ucp_ep_flush_nbx(client, pair.plain.handle);
    expect(pair.finish(flush)).toBe(UCS.UCS_OK);
    const ends = [client, server].map((endpoint) => {
      const end = new EndpointAttributes();
      pair.check(functions.ucp_ep_query(endpoint, end.bytes));
      return end;
    });
    expect(ends[0]?.remoteAddress).toEqual(address);
    expect(ends[1]?.remoteAddress).toEqual(ends[0]?.localAddress);
    expect(
      capturePrinted((stream) => functions.ucp_ep_print_info(client, stream)),
    ).toContain("tcp/lo");

    const force = createRequestParameters({ flags: UCP_EP_CLOSE_FLAG.FORCE });
    pair.finish(functions.ucp_ep_close_nbx(client, force.handle));
    pair.until("failure", () => pair.failures.length === 1);
    const [failure] = pair.failures;
    expect([failure?.argument, failure?.endpoint]).toEqual([2, server]);
    // Which of its two connections the peer misses first is left to chance.
    expect([
      UCS.UCS_ERR_CONNECTION_RESET,
      UCS.UCS_ERR_ENDPOINT_TIMEOUT,
    ]).toContain(failure?.status);
    pair.release(client);
    functions.ucp_listener_destroy(listener);
  });

  test("a rejected client is told so", () => {
    using pair = new UcpPair(UCP_FEATURE.TAG, {
      TLS: "tcp",
      NET_DEVICES: "lo",
    });
    const { functions } = pair.ucp;
    const { cell } = pair;
    const requests: Handle[] = [];
    using onConnection = openCallback(ucpCallbacks.connection, (request) => {
      requests.push(request);
    });
    const parameters = createListenerParameters(
      { address: "127.0.0.1", port: 0 },
      { callback: onConnection.pointer },
    );
    pair.check(
      functions.ucp_listener_create(pair.second, parameters.bytes, cell.bytes),
    );
    const listener = cell.object;
    const listening = new ListenerAttributes();
    pair.check(functions.ucp_listener_query(listener, listening.bytes));
    const address = listening.address;
    if (address === undefined) throw new Error("no address");
    pair.connect(pair.first, { socketAddress: address }, 3);
    pair.until("request", () => requests.length === 1);
    pair.check(functions.ucp_listener_reject(listener, requests[0] ?? 0));
    pair.until("failure", () => pair.failures.length === 1);
    expect([pair.failures[0]?.argument, pair.failures[0]?.status]).toEqual([
      3,
      UCS.UCS_ERR_REJECTED,
    ]);
    functions.ucp_listener_destroy(listener);
  });
});

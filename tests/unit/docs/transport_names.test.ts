/** Every row of the table of TransportServer in docs/requirement-names.md is used here, by the name that it gives. */
import {
  createDefaultRegistry,
  type Packet,
  type ProtocolAdapter,
  TransportClient,
  TransportClientBuilder,
  TransportError,
  TransportServer,
  TransportServerBuilder,
} from "../../../src/mod.ts";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
} from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";
import { testNames, type Use } from "./requirement_uses.ts";

describe("docs/requirement-names.md, TransportServer", () => {
  let server: TransportServer;
  let client: TransportClient;
  const received: Packet[] = [];
  const there = () => server.addresses[0] ?? "";
  const id = () => client.sessionId ?? "";

  beforeAll(async () => {
    server = await TransportServer.builder()
      .withProtocol("tcp://127.0.0.1:0")
      .withMaxConnections(50)
      .withConnectionPoolSize(100)
      .withDataCompression(true)
      .build();
    client = await TransportClient.builder().withProtocol(there()).build();
    await until("the session", () => server.sessionCount === 1);
  });
  afterAll(async () => {
    await client.close();
    await server.close();
  });

  const received1 = async (send: () => unknown): Promise<void> => {
    const messages = client.messages();
    await send();
    expect((await messages.next()).value?.text()).toBe("a packet");
    await messages.return?.();
  };
  const uses: Readonly<Record<string, Use>> = {
    TransportServer: () => expect(server instanceof TransportServer).toBe(true),
    "TransportServer.builder": () =>
      expect(TransportServer.builder()).toBeInstanceOf(TransportServerBuilder),
    "TransportServerBuilder.withProtocol": () =>
      expect(there()).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/),
    "TransportServerBuilder.withMaxConnections": () =>
      expect(server.statistics.maxConnections).toBe(50),
    "TransportServerBuilder.withConnectionPoolSize": async () => {
      await using small = await TransportServer.builder()
        .withProtocol("tcp://127.0.0.1:0")
        .withConnectionPoolSize(1)
        .build();
      const at = small.addresses[0] ?? "";
      await using _first = await TransportClient.builder()
        .withProtocol(at)
        .build();
      await refusalOf(TransportClient.builder().withProtocol(at).build());
      expect(small.sessionCount).toBe(1);
    },
    "TransportServerBuilder.withDataCompression": () =>
      expect(
        TransportServer.builder().withDataCompression(true),
      ).toBeInstanceOf(TransportServerBuilder),
    "TransportServerBuilder.build": async () => {
      expect(await refusalOf(TransportServer.builder().build())).toBeInstanceOf(
        TypeError,
      );
    },
    "TransportServer.onMessage": async () => {
      server.onMessage((packet) => {
        received.push(packet);
      });
      await client.send("a packet");
      await until("it", () => received.length > 0);
      expect(received[0]?.sessionId).toBe(id());
    },
    "TransportServer.send": () =>
      received1(() => server.send(id(), "a packet")),
    "Session.id": () => expect(server.session(id())?.id).toBe(id()),
    "TransportServer.broadcast": () =>
      received1(() => server.broadcast("a packet")),
    "TransportServer.join": () => {
      server.join(id(), "a room");
      expect(server.members("a room")).toEqual([id()]);
    },
    "TransportServer.drain": async () => {
      const idle = await TransportServer.builder()
        .withProtocol("tcp://127.0.0.1:0")
        .build();
      expect(await idle.drain()).toEqual({ drained: 0, forced: 0 });
    },
    TransportClient: () => expect(client instanceof TransportClient).toBe(true),
    "TransportClient.builder": () =>
      expect(TransportClient.builder()).toBeInstanceOf(TransportClientBuilder),
    "TransportClientBuilder.withProtocol": () =>
      expect(client.address).toBe(there()),
    "TransportClient.send": async () => {
      const before = server.statistics.messagesReceived;
      await client.send("a packet");
      await until("it", () => server.statistics.messagesReceived > before);
    },
    "TransportClientBuilder.withReconnect": async () => {
      server.session(id())?.connection?.abort("cut");
      await until("back", () => client.statistics.resumptions === 1);
    },
    Packet: () => {
      const packet: Packet | undefined = received[0];
      expect(packet?.text()).toBe("a packet");
    },
    ProtocolAdapter: () => {
      const { adapter } = createDefaultRegistry().resolve(there());
      const one: ProtocolAdapter = adapter;
      expect(one.schemes).toContain("tcp");
    },
    TransportError: async () => {
      const nowhere =
        TransportClient.builder().withProtocol("tcp://127.0.0.1:1");
      expect(await refusalOf(nowhere.build())).toBeInstanceOf(TransportError);
    },
  };
  testNames("## `TransportServer` and", uses, [
    "TransportServer",
    "TransportClient",
    "with_protocol",
    "with_max_connections",
    "with_connection_pool_size",
    "with_data_compression",
    "build",
    "on_message",
    "send",
    "Packet",
    "ProtocolAdapter",
    "TransportError",
  ]);
});

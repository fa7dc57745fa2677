/** Every row of the table of AsyncUcxManager in docs/requirement-names.md is used here, by the name that it gives. */
import {
  AsyncMessage,
  AsyncUcxClient,
  type AsyncUcxManager,
  AsyncUcxServer,
  type ClientLease,
  ConnectionMonitor,
  MessagePriority,
  PerformanceMetrics,
  PrioritySender,
  sendWithRetry,
  type ServerOptions,
  UcxConnectionPool,
  UcxTimeoutError,
} from "../../../src/mod.ts";
import {
  asyncUcxFixture,
  echo,
  loopbackUcx,
} from "../../support/async_ucx_fixture.ts";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
} from "../../support/testing.ts";
import { exists, testNames, type Use } from "./requirement_uses.ts";

describe("docs/requirement-names.md, AsyncUcxManager", () => {
  const fixture = asyncUcxFixture();
  let manager: AsyncUcxManager;
  let server: AsyncUcxServer;
  let client: AsyncUcxClient;

  beforeAll(async () => {
    manager = fixture.manager();
    server = await fixture.serve(manager, echo);
    client = await fixture.connect(manager, server);
  });
  afterAll(() => fixture.closeAll());

  const recorded = (name: keyof PerformanceMetrics): Use => {
    return () => {
      const metrics = new PerformanceMetrics();
      metrics.recordSend(5);
      metrics.recordReceive(5);
      metrics.recordError();
      expect(Number(metrics[name])).toBeGreaterThan(0);
    };
  };
  const sentWith = (priority: MessagePriority): Use => {
    return async () => {
      using sender = new PrioritySender(client);
      await sender.send(priority, 30, "urgent?");
      expect(sender.stats()[priority].sent).toBe(1);
      await client.receiveMessage(30);
    };
  };
  const pooled: Use = async () => {
    await using pool = new UcxConnectionPool(1, {
      manager,
      address: server.address,
    });
    const lease: ClientLease = await pool.getClient();
    expect(lease.client.isConnected).toBe(true);
    lease.release();
    expect(pool.stats().idle).toBe(1);
  };
  const retried: Use = async () => {
    expect(await sendWithRetry(client, 31, "again", { maxRetries: 2 })).toBe(0);
    await client.receiveMessage(31);
  };

  testNames(
    "## `AsyncUcxManager`",
    {
      "new AsyncUcxManager": () => expect(fixture.manager().isOpen).toBe(true),
      "AsyncUcxManager.createClient": () =>
        expect(manager.createClient()).toBeInstanceOf(AsyncUcxClient),
      "AsyncUcxManager.shutdown": async () => {
        const other = fixture.manager();
        await other.shutdown();
        expect(other.isOpen).toBe(false);
      },
      AsyncUcxClient: () => expect(client).toBeInstanceOf(AsyncUcxClient),
      "AsyncUcxClient.connect": async () => {
        await using other = manager.createClient();
        await other.connect(server.address);
        expect(other.isConnected).toBe(true);
      },
      "AsyncUcxClient.sendMessage": async () => {
        await client.sendMessage(1, "one");
        expect((await client.receive({ tag: 1 })).text()).toBe("one");
      },
      "AsyncUcxClient.receiveMessage": async () => {
        await client.sendMessage(2, "two");
        expect(await client.receiveMessage(2, 1024)).toHaveLength(3);
      },
      "AsyncUcxManager.createServer": () =>
        expect(manager.createServer("127.0.0.1:0").isListening).toBe(false),
      AsyncUcxServer: () => expect(server).toBeInstanceOf(AsyncUcxServer),
      "AsyncUcxServer.start": async () => {
        await using other = manager.createServer("127.0.0.1:0");
        await other.listen();
        const running = other.start(echo);
        expect(other.isListening).toBe(true);
        await other.close();
        await running;
      },
      AsyncMessage: () =>
        expect(new AsyncMessage(3, new Uint8Array(2)).length).toBe(2),
      "AsyncMessage.text": () =>
        expect(AsyncMessage.text(3, "three").text()).toBe("three"),
      "AsyncMessage.tag": () => expect(AsyncMessage.text(3, "").tag).toBe(3),
      "AsyncMessage.data": () =>
        expect(AsyncMessage.text(3, "three").data).toHaveLength(5),
      "AsyncMessage.timestamp": () =>
        expect(AsyncMessage.text(3, "").timestamp).toBeGreaterThan(1.7e12),
      "AsyncUcxClient.request": async () =>
        expect(await client.request(4, "PING")).toHaveLength(4),
      "AsyncUcxClient.sendBurst": async () => {
        const results = await client.sendBurst([{ tag: 5, data: "five" }]);
        expect(results).toEqual([undefined]);
        await client.receiveMessage(5);
      },
      "AsyncUcxClient.sendBatch": async () => {
        expect(await client.sendBatch([{ tag: 6, data: "six" }])).toBe(1);
        await client.receiveMessage(6);
      },
      timeoutMs: async () => {
        const error: unknown = await client
          .receiveMessage(7, 1024, { timeoutMs: 1 })
          .catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(UcxTimeoutError);
      },
      "new UcxConnectionPool": pooled,
      "UcxConnectionPool.getClient": pooled,
      "ClientLease.release": pooled,
      "MessagePriority.High": sentWith(MessagePriority.High),
      "MessagePriority.Normal": sentWith(MessagePriority.Normal),
      "MessagePriority.Low": sentWith(MessagePriority.Low),
      PrioritySender: sentWith(MessagePriority.High),
      "PrioritySender.send": sentWith(MessagePriority.High),
      sendWithRetry: retried,
      maxRetries: retried,
      ConnectionMonitor: async () => {
        using monitor = new ConnectionMonitor(client);
        const healthy = new Promise((resolve) => {
          monitor.events.on("healthy", resolve);
        });
        monitor.start();
        await healthy;
        expect(monitor.isHealthy).toBe(true);
      },
      "AsyncUcxClient.ping": async () =>
        expect(await client.ping()).toBeGreaterThan(0),
      PerformanceMetrics: recorded("errors"),
      "PerformanceMetrics.recordSend": recorded("messagesSent"),
      "PerformanceMetrics.recordReceive": recorded("messagesReceived"),
      "PerformanceMetrics.recordError": recorded("errors"),
      "PerformanceMetrics.messagesSent": recorded("messagesSent"),
      "PerformanceMetrics.messagesReceived": recorded("messagesReceived"),
      "PerformanceMetrics.bytesSent": recorded("bytesSent"),
      "PerformanceMetrics.bytesReceived": recorded("bytesReceived"),
      "PerformanceMetrics.errors": recorded("errors"),
      "PerformanceMetrics.printStats": () => {
        let text = "";
        new PerformanceMetrics().printStats((all) => {
          text = all;
        });
        expect(text).toContain("bytes received");
      },
      "WorkerConfig.ucx": () =>
        expect(manager.config.worker.ucx).toEqual(loopbackUcx),
      "ServerOptions.workers": () => {
        const options: ServerOptions = { workers: -1 };
        expect(() => manager.createServer("127.0.0.1:0", options)).toThrow(
          RangeError,
        );
      },
      "examples/ucx/async_client_server.ts": exists(
        "examples/ucx/async_client_server.ts",
      ),
    },
    [
      "AsyncUcxManager::new",
      "create_client",
      "shutdown",
      "connect",
      "send_message",
      "receive_message",
      "AsyncUcxServer::new",
      "start",
      "AsyncMessage::text",
      "message.tag",
      "message.data",
      "ping_pong",
      "burst_send",
      "timeout",
      "batch_operations",
      "UcxConnectionPool",
      "get_client",
      "MessagePriority",
      "PriorityMessage",
      "priority_sender",
      "send_with_retry",
      "connection_monitor",
      "HEARTBEAT",
      "PerformanceMetrics",
      "record_send",
      "record_receive",
      "record_error",
      "print_stats",
      "bytes_sent",
      "bytes_received",
      "UCX_TLS",
      "worker_threads",
      "async_tcp_client",
      "async_tcp_server",
    ],
  );
});

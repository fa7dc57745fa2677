/** Every row of the table of UcxWorker in docs/requirement-names.md is used here, by the name that it gives. */
import {
  ThreadMode,
  UcxWorker,
  type WorkerConfig,
  WorkerStats,
} from "../../../src/mod.ts";
import { loopbackUcx as ucx } from "../../support/async_ucx_fixture.ts";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
} from "../../support/testing.ts";
import { exists, testNames, type Use } from "./requirement_uses.ts";

describe("docs/requirement-names.md, UcxWorker", () => {
  let worker: UcxWorker;
  /** From the worker to itself. */
  let endpoint: number;
  const hello = new TextEncoder().encode("hello");
  const buffer = new Uint8Array(1024);

  beforeAll(() => {
    worker = new UcxWorker({ ucx });
    endpoint = worker.connect(worker.createListener("127.0.0.1:0").address);
  });
  afterAll(() => worker.close());

  /** A configuration with one key set, and that key as the worker has it. */
  const configured = <Key extends keyof WorkerConfig>(
    key: Key,
    value: NonNullable<WorkerConfig[Key]>,
  ): Use => {
    return () => {
      using other = new UcxWorker({ ucx, [key]: value });
      expect(other.config[key] as unknown).toBe(value);
    };
  };
  const counted = (name: keyof WorkerStats): Use => {
    return () => expect(typeof worker.stats()[name]).toBe("number");
  };

  testNames(
    "## `UcxWorker`",
    {
      UcxWorker: () => expect(worker).toBeInstanceOf(UcxWorker),
      "new UcxWorker": () => new UcxWorker({ ucx }).close(),
      "using worker = new UcxWorker": () => {
        using other = new UcxWorker({ ucx });
        other.progress();
      },
      WorkerConfig: () => {
        const config: WorkerConfig = { ucx, threadMode: ThreadMode.Single };
        using other = new UcxWorker(config);
        expect(other.config.threadMode).toBe("single");
      },
      "UcxWorker.config": () => expect(worker.config.bufferSize).toBe(65_536),
      "WorkerConfig.threadMode": configured("threadMode", "multi"),
      "WorkerConfig.bufferSize": configured("bufferSize", 131_072),
      "WorkerConfig.enableTag": configured("enableTag", false),
      "WorkerConfig.enableStream": configured("enableStream", false),
      "WorkerConfig.enableRma": configured("enableRma", true),
      "WorkerConfig.progressIntervalUs": configured("progressIntervalUs", 50),
      "ThreadMode.Single": configured("threadMode", ThreadMode.Single),
      "ThreadMode.Multi": configured("threadMode", ThreadMode.Multi),
      "UcxWorker.createListener": () => {
        using listener = worker.createListener("127.0.0.1:0");
        expect(listener.port).toBeGreaterThan(0);
      },
      "UcxWorker.connect": () => {
        using listener = worker.createListener("127.0.0.1:0");
        expect(worker.connect(listener.address)).toBeGreaterThan(endpoint);
      },
      "UcxWorker.isConnected": () =>
        expect(worker.isConnected(endpoint)).toBe(true),
      "UcxWorker.getEndpointIds": () =>
        expect(worker.getEndpointIds()).toContain(endpoint),
      "UcxWorker.disconnect": () => {
        using listener = worker.createListener("127.0.0.1:0");
        const other = worker.connect(listener.address);
        worker.disconnect(other);
        expect(worker.isConnected(other)).toBe(false);
      },
      "UcxWorker.cleanupAll": () => {
        using other = new UcxWorker({ ucx });
        const id = other.connect(other.createListener("127.0.0.1:0").address);
        other.cleanupAll();
        expect(other.isConnected(id)).toBe(false);
      },
      "UcxWorker.sendTag": () => {
        worker.sendTag(endpoint, 123, hello);
        expect(worker.stats().messagesSent).toBeGreaterThan(0);
      },
      "UcxWorker.receiveTag": () => {
        worker.sendTag(endpoint, 124, hello);
        expect(worker.receiveTag(undefined, 124, buffer)).toBe(5);
      },
      "UcxWorker.tryReceiveTag": () =>
        expect(worker.tryReceiveTag(endpoint, 125, buffer)).toBe(undefined),
      "UcxWorker.broadcastTag": () =>
        expect(worker.broadcastTag(200, hello).get(endpoint)).toBe(undefined),
      "UcxWorker.progress": () =>
        expect(worker.progress()).toBeGreaterThanOrEqual(0),
      "UcxWorker.runProgressLoop": () =>
        expect(worker.runProgressLoop(2)).toBeGreaterThanOrEqual(0),
      "UcxWorker.stats": () =>
        expect(worker.stats()).toBeInstanceOf(WorkerStats),
      WorkerStats: () => expect(worker.stats()).toBeInstanceOf(WorkerStats),
      "WorkerStats.print": () => {
        let text = "";
        worker.stats().print((all) => {
          text = all;
        });
        expect(text).toContain("messages sent");
      },
      "WorkerStats.throughputMbps": counted("throughputMbps"),
      "WorkerStats.messageRate": counted("messageRate"),
      "WorkerStats.messagesSent": counted("messagesSent"),
      "WorkerStats.messagesReceived": counted("messagesReceived"),
      "WorkerStats.bytesSent": counted("bytesSent"),
      "WorkerStats.bytesReceived": counted("bytesReceived"),
      "WorkerStats.connections": counted("connections"),
      "WorkerStats.errors": counted("errors"),
      "examples/ucx/shell.ts": exists("examples/ucx/shell.ts"),
      "examples/ucx/client_server.ts": exists("examples/ucx/client_server.ts"),
      "examples/ucx/peer_to_peer.ts": exists("examples/ucx/peer_to_peer.ts"),
    },
    [
      "UcxWorker::new",
      "WorkerConfig::default",
      "thread_mode",
      "buffer_size",
      "enable_tag",
      "enable_stream",
      "enable_rma",
      "progress_interval_us",
      "ThreadMode::Single",
      "ThreadMode::Multi",
      "connect",
      "disconnect",
      "is_connected",
      "get_endpoint_ids",
      "cleanup_all",
      "send_tag",
      "receive_tag",
      "try_receive_tag",
      "broadcast_tag",
      "create_listener",
      "progress",
      "run_progress_loop",
      "stats",
      "print",
      "throughput_mbps",
      "message_rate",
      "messages_sent",
      "config",
      "ucx_worker_example",
      "ucx_worker_client_server",
    ],
  );
});

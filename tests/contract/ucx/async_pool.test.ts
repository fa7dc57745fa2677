import {
  UcxClosedError,
  UcxConnectionPool,
  UcxTimeoutError,
} from "../../../src/ucx/mod.ts";
import {
  asyncUcxFixture,
  echo,
  loopbackUcx,
  untilTrue,
} from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();
const timeoutMs = 30_000;
const decoder = new TextDecoder();
const pools: UcxConnectionPool[] = [];

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
  await ucx.closeAll();
});

async function poolOf(
  maxConnections: number,
  options: { readonly idleMs?: number } = {},
): Promise<{
  pool: UcxConnectionPool;
  connections: () => number;
  disconnectAll: () => Promise<void>;
}> {
  const server = await ucx.serve(ucx.manager(), echo);
  const pool = new UcxConnectionPool(maxConnections, {
    address: server.address,
    manager: ucx.manager(),
    ...options,
  });
  pools.push(pool);
  return {
    pool,
    connections: () => server.stats().connections,
    disconnectAll: async () => {
      await Promise.all(server.clients().map((client) => client.close()));
    },
  };
}

describe("a pool of connections", () => {
  test(
    "gives a client and takes it back; the next one gets the same connection",
    async () => {
      const { pool, connections } = await poolOf(2);
      const { client, release } = await pool.getClient();
      expect(decoder.decode(await client.request(0, "a"))).toBe("a");
      release();
      release();
      expect(pool.stats().idle).toBe(1);
      {
        using lease = await pool.getClient();
        expect(lease.client).toBe(client);
        expect(pool.stats().inUse).toBe(1);
      }
      expect(pool.stats().reused).toBe(1);
      expect(pool.stats().created).toBe(1);
      expect(connections()).toBe(1);
    },
    { timeoutMs },
  );

  test(
    "who waits gets one in the order of asking, or in time an error",
    async () => {
      const { pool } = await poolOf(1);
      const first = await pool.getClient();
      const order: number[] = [];
      const later = [1, 2, 3].map(async (index) => {
        const lease = await pool.getClient();
        order.push(index);
        lease.release();
      });
      await expect(pool.getClient({ timeoutMs: 20 })).rejects.toThrow(
        UcxTimeoutError,
      );
      const controller = new AbortController();
      const aborted = pool
        .getClient({ signal: controller.signal })
        .catch((error: Error) => error.message);
      expect(pool.stats().waiting).toBe(4);
      controller.abort(new Error("no longer"));
      expect(await aborted).toBe("no longer");
      first.release();
      await Promise.all(later);
      expect(order).toEqual([1, 2, 3]);
      expect(pool.stats().inUse).toBe(0);
    },
    { timeoutMs },
  );

  test(
    "a connection that died while idle is replaced",
    async () => {
      const { pool, disconnectAll } = await poolOf(2);
      const lease = await pool.getClient();
      lease.release();
      await disconnectAll();
      await untilTrue(() => !lease.client.isConnected, "it is closed");
      using again = await pool.getClient();
      expect(again.client === lease.client).toBe(false);
      expect(decoder.decode(await again.client.request(0, "b"))).toBe("b");
      expect(pool.stats().replaced).toBe(1);
    },
    { timeoutMs },
  );

  test(
    "reclaims connections that nobody uses",
    async () => {
      const { pool, connections } = await poolOf(3, { idleMs: 30 });
      const leases = await Promise.all([
        pool.getClient(),
        pool.getClient(),
        pool.getClient(),
      ]);
      expect(connections()).toBe(3);
      for (const lease of leases) lease.release();
      await untilTrue(() => connections() === 0, "all are closed");
      expect(pool.stats().idle).toBe(0);
    },
    { timeoutMs },
  );

  test(
    "closed, it rejects who waits and closes what is in use",
    async () => {
      const { pool, connections } = await poolOf(1);
      const lease = await pool.getClient();
      const waiting = pool.getClient().catch((error: unknown) => error);
      await pool.close();
      expect(await waiting).toBeInstanceOf(UcxClosedError);
      expect(lease.client.isConnected).toBe(false);
      await expect(pool.getClient()).rejects.toThrow(UcxClosedError);
      await untilTrue(() => connections() === 0, "the server sees it");
      lease.release();
    },
    { timeoutMs },
  );

  test(
    "when connecting fails the permit is free again",
    async () => {
      const { pool } = await poolOf(1);
      const wrong = new UcxConnectionPool(1, {
        address: "127.0.0.1:1",
        config: { ucx: loopbackUcx },
        connectTimeoutMs: 5000,
      });
      pools.push(wrong);
      for (let attempt = 0; attempt < 2; attempt++)
        await expect(wrong.getClient()).rejects.toThrow(/Ucx|connect/);
      expect(wrong.stats().inUse).toBe(0);
      expect(() => new UcxConnectionPool(0)).toThrow(RangeError);
      expect(pool.maxConnections).toBe(1);
    },
    { timeoutMs },
  );

  test(
    "without an address it gives clients of its own manager, to be connected by the caller",
    async () => {
      const server = await ucx.serve(ucx.manager(), echo);
      const pool = new UcxConnectionPool(1, { config: { ucx: loopbackUcx } });
      pools.push(pool);
      using lease = await pool.getClient();
      await lease.client.connect(server.address);
      expect(decoder.decode(await lease.client.request(0, "c"))).toBe("c");
    },
    { timeoutMs },
  );
});

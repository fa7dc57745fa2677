/**
 * A trading client: one order after the other, and the time until each is confirmed; an order that comes too late is
 * given up; an urgent one goes first. Over a unix socket here; another host would be `tcp://` or `tls://`. Runs in Bun
 * and in Deno:
 *
 *     bun examples/transport/trading_client.ts
 *     deno run -A examples/transport/trading_client.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RemoteError, TimedOutError, TransportClient } from "ringwire";
import { check } from "../running/check.ts";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const orderCount = 2000;
const warmUp = 500;
const timeoutMs = 5000;

const directory = mkdtempSync(join(tmpdir(), "ringwire-trading-"));
try {
  await using children = new ChildProcesses();
  const server = startInOtherRuntime(
    children,
    new URL("trading_client_program.ts", import.meta.url),
    join(directory, "orders.sock"),
  );
  await using client = await TransportClient.builder()
    .withProtocol(await server.line())
    .build();

  let errors = 0;
  let volume = 0;
  const took: number[] = [];
  for (let number = 1; number <= warmUp + orderCount; number++) {
    const order = { number, symbol: "RING", quantity: 10, price: 101.5 };
    const beganMs = performance.now();
    const answer = await client.request(order, { subject: "order", timeoutMs });
    const { filled, of } = answer.json() as { filled: number; of: number };
    if (number > warmUp) took.push(performance.now() - beganMs);
    if (of !== number) errors++;
    volume += filled;
  }
  took.sort((one, other) => one - other);
  const at = (share: number): string =>
    ((took[Math.ceil(share * took.length) - 1] ?? 0) * 1000).toFixed(0);
  console.log(`${took.length} orders were measured, ${errors} errors`);
  console.log(`there and back: p50 ${at(0.5)} µs, p99 ${at(0.99)} µs`);
  console.log(`filled: ${volume}`);
  check("every order is confirmed", errors === 0);
  check("all were filled", volume === 10 * (warmUp + orderCount));

  const refused = { number: 0, symbol: "RING", quantity: -1, price: 1 };
  await client
    .request(refused, { subject: "order", timeoutMs })
    .catch((error: unknown) => {
      if (!(error instanceof RemoteError)) throw error;
      console.log(`a bad order: ${error.code}: ${error.message}`);
    });
  // The exchange sees that nobody waits any more, and does not fill it.
  await client
    .request("", { subject: "slow order", timeoutMs: 50 })
    .catch((error: unknown) => {
      if (!(error instanceof TimedOutError)) throw error;
      console.log(`a slow order: ${error.name}`);
    });
  const urgent = await client.request("", {
    subject: "given up",
    priority: "high",
    timeoutMs,
  });
  console.log(`given up on the other side too: ${urgent.text()}`);
  check("the exchange has given up", urgent.text() === "yes");

  await client.close();
  server.kill("SIGTERM");
  console.log(`the server ended with ${await server.exited}`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

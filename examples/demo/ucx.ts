/** A client in Bun and a server in Deno over UCX: shared memory when both are on one host, as here. */
import { join } from "node:path";
import { UcxWorker } from "ringwire";
import { findRuntimes } from "../running/runtimes.ts";
import type { DemoSetting } from "./hash_with_a_kill.ts";

const messageCount = 100_000;
const messageBytes = 64;
const tripCount = 2000;
const tags = { message: 1, trip: 2, total: 3 } as const;

/** What the client measured. */
export interface UcxResult {
  readonly version: string;
  readonly received: number;
  readonly elapsedMs: number;
  /** The middle one, there and back. */
  readonly roundTripUs: number;
}

/** @throws when a message is missing */
export async function measureUcx(
  setting: Pick<DemoSetting, "root" | "children">,
): Promise<UcxResult> {
  const { root, children } = setting;
  // The other runtime than this one.
  const command = findRuntimes().at(-1)?.command ?? [];
  const server = children.start([
    ...command,
    join(root, "examples/demo/ucx_server_program.ts"),
    ...[messageCount, tripCount].map(String),
  ]);
  using worker = new UcxWorker({ name: "demo" });
  const endpoint = worker.connect(await server.line());
  const body = new Uint8Array(messageBytes);
  const startMs = performance.now();
  for (let index = 0; index < messageCount; index++)
    worker.sendTag(endpoint, tags.message, body);
  const length = worker.receiveTag(endpoint, tags.total, body);
  const elapsedMs = performance.now() - startMs;
  const received = Number(new TextDecoder().decode(body.subarray(0, length)));
  const took: number[] = [];
  for (let trip = 0; trip < tripCount; trip++) {
    const sentMs = performance.now();
    worker.sendTag(endpoint, tags.trip, body);
    worker.receiveTag(endpoint, tags.trip, body);
    took.push((performance.now() - sentMs) * 1000);
  }
  took.sort((a, b) => a - b);
  worker.disconnect(endpoint);
  await server.exited;
  if (received !== messageCount)
    throw new Error(
      `${messageCount} messages were sent over UCX, ${received} received`,
    );
  return {
    version: worker.info().version,
    received,
    elapsedMs,
    roundTripUs: took[tripCount >> 1] ?? Number.NaN,
  };
}

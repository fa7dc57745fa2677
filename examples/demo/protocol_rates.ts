/** What the server does over each protocol, as `ringwire-client bench` and `ping` measure it. */
import type { ChildProcesses } from "../running/child_processes.ts";
import { type DemoServer, echoTag } from "./demo_server.ts";

/** Requests that are under way for the throughput. */
const underWay = 256;
const pings = 500;

/** How long each load lasts. */
export interface RateTimes {
  readonly measureMs: number;
  readonly warmUpMs: number;
}

/** One row of the table. */
export interface ProtocolRates {
  readonly protocol: string;
  /** A second. */
  readonly requests: number;
  readonly oneWay: number;
  /** Milliseconds of a request that is alone. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly pingMs: number;
}

/** What `bench -o json` prints, as far as it is shown here. */
interface Load {
  readonly achieved_rate: number;
  readonly completed: number;
  readonly errors: number;
  readonly response: { readonly p50_ms: number; readonly p99_ms: number };
}

/** @throws when a request or a ping failed */
export async function measureProtocols(
  children: ChildProcesses,
  client: string,
  server: DemoServer,
  { measureMs, warmUpMs }: RateTimes,
): Promise<ProtocolRates[]> {
  const load = async (url: string, ...more: readonly string[]) => {
    const output = await children.run([
      ...[client, "bench", url, "--tag", `${echoTag}`, "-o", "json"],
      ...["--duration", `${measureMs}ms`, "--warmup", `${warmUpMs}ms`],
      ...more,
    ]);
    const report = JSON.parse(output) as Load;
    if (report.errors > 0 || report.completed === 0)
      throw new Error(`a load test failed: ${output}`);
    return report;
  };
  const rows: ProtocolRates[] = [];
  for (const protocol of server.protocols) {
    const url = server.url(protocol);
    const many = await load(url, "-j", `${underWay}`);
    const oneWay = await load(url, "-j", `${underWay}`, "--one-way");
    const alone = await load(url, "-j", "1");
    const output = await children.run([
      ...[client, "ping", url, "-o", "json"],
      ...["--count", `${pings}`, "--interval", "0ms"],
    ]);
    const ping = JSON.parse(output) as {
      readonly failed: number;
      readonly p50_ms: number;
    };
    if (ping.failed > 0) throw new Error(`pings failed: ${output}`);
    rows.push({
      protocol,
      requests: many.achieved_rate,
      oneWay: oneWay.achieved_rate,
      p50Ms: alone.response.p50_ms,
      p99Ms: alone.response.p99_ms,
      pingMs: ping.p50_ms,
    });
  }
  return rows;
}

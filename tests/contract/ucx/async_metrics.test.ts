import { PerformanceMetrics } from "../../../src/ucx/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("performance metrics", () => {
  test("count messages, bytes and errors", () => {
    const metrics = new PerformanceMetrics();
    metrics.recordSend(100);
    metrics.recordSend(50);
    metrics.recordReceive(7);
    metrics.recordError();
    expect(metrics.messagesSent).toBe(2);
    expect(metrics.bytesSent).toBe(150);
    expect(metrics.messagesReceived).toBe(1);
    expect(metrics.bytesReceived).toBe(7);
    expect(metrics.errors).toBe(1);
    const lines: string[] = [];
    metrics.printStats((text) => lines.push(text));
    expect(lines.join()).toMatch(/messages sent +2\n/);
    expect(lines.join()).toMatch(/bytes received +7\n/);
    metrics.reset();
    expect(metrics.messagesSent).toBe(0);
    expect(metrics.snapshot().latency.count).toBe(0);
  });

  test("tell percentiles of latency to within 5 %", () => {
    const metrics = new PerformanceMetrics();
    for (let index = 1; index <= 10_000; index++)
      metrics.recordLatency(index / 100);
    for (const [percentile, expected] of [
      [50, 50],
      [90, 90],
      [99, 99],
      [99.9, 99.9],
    ] as const) {
      const found = metrics.latencyPercentileMs(percentile);
      expect(found).toBeGreaterThanOrEqual(expected);
      expect(found).toBeLessThan(expected * 1.05);
    }
    const { latency } = metrics.snapshot();
    expect(latency.minMs).toBe(0.01);
    expect(latency.maxMs).toBe(100);
    expect(metrics.latencyPercentileMs(100)).toBe(100);
    expect(Math.abs(latency.meanMs - 50.005)).toBeLessThan(0.001);
  });

  test("bear latencies of every size, and refuse what is none", () => {
    const metrics = new PerformanceMetrics();
    for (const latencyMs of [0, 1e-9, 1e9]) metrics.recordLatency(latencyMs);
    expect(metrics.latencyPercentileMs(0)).toBeLessThan(0.0001);
    expect(metrics.latencyPercentileMs(100)).toBe(1e9);
    expect(() => metrics.recordLatency(-1)).toThrow(RangeError);
    expect(() => metrics.recordLatency(Number.NaN)).toThrow(RangeError);
    expect(() => metrics.latencyPercentileMs(101)).toThrow(RangeError);
    expect(new PerformanceMetrics().latencyPercentileMs(50)).toBe(0);
  });

  test("measure what is awaited, and count what fails", async () => {
    const metrics = new PerformanceMetrics();
    expect(await metrics.measure(async () => 5)).toBe(5);
    await expect(
      metrics.measure(() => Promise.reject(new Error("no"))),
    ).rejects.toThrow("no");
    expect(metrics.snapshot().latency.count).toBe(1);
    expect(metrics.errors).toBe(1);
  });
});

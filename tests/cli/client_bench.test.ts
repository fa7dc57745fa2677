/** The load test of ringwire-client, and what it compares. */
import { readFileSync, writeFileSync } from "node:fs";
import { cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";
import {
  clientProgram,
  goodClient,
  runClient,
  startServer,
} from "../support/server_fixture.ts";
import { describe, expect, test } from "../support/testing.ts";

const limits = { timeoutMs: 60_000 };
const short = ["--duration", "500ms", "--warmup", "100ms"];

cleanUpSandboxes();

describe("bench", () => {
  test(
    "a closed loop counts what was answered, and writes the distribution",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "*=echo"]);
      const hgrm = sandbox.file("times.hgrm");
      const report = JSON.parse(
        await goodClient(sandbox, [
          "bench",
          url,
          ...short,
          "-j",
          "8",
          "--connections",
          "2",
          "--size",
          "1KiB",
          "--hgrm",
          hgrm,
          "-o",
          "json",
        ]),
      );
      expect([report.loop, report.errors, report.asked_rate]).toEqual([
        "closed",
        0,
        null,
      ]);
      expect(report.completed > 0).toBe(true);
      expect(report.completed).toBe(report.response.count);
      expect(report.achieved_rate).toBe(report.completed / 0.5);
      expect(report.bytes_per_second).toBe(report.achieved_rate * 1024);
      const { p50_ms, p99_ms, max_ms } = report.response;
      expect(p50_ms > 0 && p50_ms <= p99_ms && p99_ms <= max_ms * 1.01).toBe(
        true,
      );
      const lines = readFileSync(hgrm, "utf8").split("\n");
      expect(lines[0]).toContain("Percentile");
      const values = lines.flatMap((line) => {
        const match = /^ *(\d+\.\d+) +(\d\.\d+) +(\d+)/.exec(line);
        return match === null ? [] : [match.slice(1).map(Number)];
      });
      expect(values.at(-1)?.[1]).toBe(1);
      expect(values.at(-1)?.[2]).toBe(report.completed);
      for (const [index, [value = 0]] of values.entries())
        expect(value >= (values[index - 1]?.[0] ?? 0)).toBe(true);
    },
    limits,
  );

  test(
    "an open loop counts a stall from when each message should have begun",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, [
        "--exec-concurrency",
        "1",
        "--route",
        "*=exec:sleep 0.1",
      ]);
      const { code, out } = await runClient(sandbox, [
        "bench",
        url,
        "--rate",
        "40",
        "--duration",
        "1s",
        "--warmup",
        "0",
        "-j",
        "1",
        "-o",
        "json",
        "--timeout",
        "30s",
      ]);
      const report = JSON.parse(out);
      expect(code).toBe(0);
      expect([report.loop, report.asked_rate]).toEqual(["open", 40]);
      // One at a time and each takes a tenth of a second: most could not be begun, which is not hidden.
      expect(report.completed <= 11).toBe(true);
      expect(report.skipped).toBe(40 - report.completed);
      const behind = JSON.parse(
        await goodClient(sandbox, [
          "bench",
          url,
          "--rate",
          "40",
          "--duration",
          "1s",
          "--warmup",
          "0",
          "-o",
          "json",
          "--timeout",
          "30s",
        ]),
      );
      expect([behind.completed, behind.skipped]).toEqual([40, 0]);
      // The last one waits for all those before it.
      expect(behind.response.max_ms > 2000).toBe(true);
    },
    limits,
  );

  test(
    "--compare ends with 1 when this run is worse, 0 when it is not, 2 when it was run otherwise",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "*=echo"]);
      const words = ["bench", url, ...short];
      const before = JSON.parse(
        await goodClient(sandbox, [...words, "-o", "json"]),
      );
      const file = sandbox.file("before.json");
      const compare = async (change: object, ...more: string[]) => {
        writeFileSync(file, JSON.stringify({ ...before, ...change }));
        return await runClient(sandbox, [...words, "--compare", file, ...more]);
      };
      const slower = { achieved_rate: before.achieved_rate / 1000 };
      const patient = Object.fromEntries(
        Object.keys(before.response).map((name) => [name, 60_000]),
      );
      expect((await compare({ ...slower, response: patient })).code).toBe(0);
      const worse = await compare({ achieved_rate: 1e12, response: patient });
      expect(worse.code).toBe(1);
      expect(worse.err).toContain("rate");
      const late = await compare({
        ...slower,
        response:
          before.response &&
          Object.fromEntries(Object.keys(patient).map((name) => [name, 1e-9])),
      });
      expect(late.code).toBe(1);
      expect(late.err).toContain("p99");
      expect((await compare({}, "--size", "2KiB")).code).toBe(2);
      writeFileSync(file, "{}");
      expect(
        (await runClient(sandbox, [...words, "--compare", file])).code,
      ).toBe(2);
    },
    limits,
  );

  test(
    "one-way messages are counted; Ctrl-C ends it early, and says what there is; nobody there is 5, nobody who answers 1",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "tag:1=echo"]);
      const report = JSON.parse(
        await goodClient(sandbox, [
          "bench",
          url,
          ...short,
          "--one-way",
          "-o",
          "json",
        ]),
      );
      expect(report.completed > 0 && report.one_way).toBe(true);
      const unanswered = await runClient(sandbox, ["bench", url, ...short]);
      expect(unanswered.code).toBe(1);
      expect(unanswered.out).toContain("NoResponder");
      const long = sandbox.start([
        clientProgram,
        "bench",
        url,
        "--tag",
        "1",
        "--warmup",
        "0",
        "--duration",
        "10m",
      ]);
      await Bun.sleep(500);
      long.kill("SIGINT");
      const { code, out } = await long.ended;
      expect(code).toBe(130);
      expect(out).toContain("achieved");
      const nobody = `unix://${sandbox.file("nobody")}`;
      expect((await runClient(sandbox, ["bench", nobody])).code).toBe(5);
    },
    limits,
  );
});

import { bestPeer, compare } from "../../../bench/comparisons.ts";
import { parseTotal } from "../../../bench/cpu_time.ts";
import { gates } from "../../../bench/gates.ts";
import { gateRow } from "../../../bench/page.ts";
import {
  type Figure,
  figuresOf,
  medianOf,
  parseSample,
  ratioInTurn,
} from "../../../bench/sample.ts";
import { describe, expect, test } from "../../support/testing.ts";

function rates(values: Readonly<Record<string, number>>): Map<string, Figure> {
  return figuresOf(
    Object.entries(values).map(([name, value]) => ({
      name,
      value,
      unit: "msg/s",
    })),
  );
}

const allPeers = {
  "peer.redis-streams.jobs": 20_000,
  "peer.bullmq.jobs": 5000,
  "peer.beanstalkd.jobs": 25_000,
  "peer.jetstream.jobs": 9000,
};
const metric = "jobs against the best at-least-once peer, one by one";

function verdictOf(figures: ReadonlyMap<string, Figure>): string | undefined {
  const gate = gates.find((candidate) => candidate.metric === metric);
  return gate && gateRow(gate, figures)[4];
}

describe("figures of the benches", () => {
  test("the median of an even number is the mean of the two in the middle", () => {
    expect(medianOf([4, 1, 3, 2])).toBe(2.5);
    expect(medianOf([30, 1, 2])).toBe(2);
  });

  test("samples of one name become a figure with its range", () => {
    const [figure] = figuresOf(
      [5, 1, 9].map((value) => ({ name: "x", value, unit: "us" })),
    ).values();
    expect(figure).toEqual({
      name: "x",
      unit: "us",
      value: 5,
      min: 1,
      max: 9,
      runs: 3,
      values: [5, 1, 9],
    });
  });

  test("figures that were measured in turn are compared run by run", () => {
    const [over, under, fewer] = figuresOf([
      ...[2, 40, 6].map((value) => ({ name: "over", value, unit: "us" })),
      ...[1, 10, 4].map((value) => ({ name: "under", value, unit: "us" })),
      ...[1, 3].map((value) => ({ name: "fewer", value, unit: "us" })),
    ]).values() as unknown as [Figure, Figure, Figure];
    expect(ratioInTurn(over, under)).toBe(2);
    expect(ratioInTurn(over, fewer)).toBe(3);
  });

  test("a program's other lines are no samples", () => {
    expect(parseSample("ready")).toBe(undefined);
    expect(parseSample('{"total":7}')).toBe(undefined);
    expect(parseTotal("ready")).toBe(undefined);
    expect(parseTotal('{"name":"x","value":1,"unit":"us"}')).toBe(undefined);
    expect(parseTotal('{"total":7}')).toBe(7);
  });
});

describe("the best peer", () => {
  test("it is the fastest of those that deliver at least once", () => {
    const figures = rates({
      ...allPeers,
      "peer.unix-socket-c.messages": 4e6,
      "peer.beanstalkd.jobs.cpu": 1e6,
    });
    expect(bestPeer(figures, "jobs")?.name).toBe("peer.beanstalkd.jobs");
  });

  for (const missing of Object.keys(allPeers)) {
    test(`without ${missing} the gate is not measured, although the others were`, () => {
      const figures = rates({ ...allPeers, "bun.jobs": 5e6 });
      expect(verdictOf(figures)).toBe("met, and the stretch");
      figures.delete(missing);
      expect(bestPeer(figures, "jobs")).toBe(undefined);
      expect(verdictOf(figures)).toBe("not measured");
    });
  }

  test("19 times the best peer misses the gate", () => {
    expect(verdictOf(rates({ ...allPeers, "bun.jobs": 19 * 25_000 }))).toBe(
      "**missed**",
    );
  });

  test("peers stand beside what Ringwire does in the same exchange", () => {
    const compared = compare(rates({ ...allPeers, "bun.jobs": 50_000 }));
    const ratios = compared.map(({ figure, ratio }) => [figure.name, ratio]);
    expect(ratios).toEqual([
      ["peer.redis-streams.jobs", 0.4],
      ["peer.bullmq.jobs", 0.1],
      ["peer.beanstalkd.jobs", 0.5],
      ["peer.jetstream.jobs", 0.18],
      ["bun.jobs", null],
    ]);
  });
});

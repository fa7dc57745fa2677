import { DescriptorBudget } from "../../../src/ucx/core/descriptor_budget.ts";
import { Lingering } from "../../../src/ucx/core/lingering.ts";
import { UcxLimitError } from "../../../src/ucx/errors.ts";
import { describe, expect, test } from "../../support/testing.ts";

const plenty = 1_000_000;

describe("the budget of descriptors", () => {
  test("refuses when the rest is needed otherwise, and names the numbers", () => {
    const budget = new DescriptorBudget({ limit: () => 64, open: () => 44 });
    budget.take(0, plenty);
    budget.take(1, plenty);
    let message = "";
    try {
      budget.take(2, plenty);
    } catch (error) {
      if (error instanceof UcxLimitError) message = error.message;
    }
    expect(message.includes("48 of 64")).toBe(true);
    expect(budget.endpoints).toBe(2);
  });

  test("counts again before it refuses", () => {
    let open = 46;
    const budget = new DescriptorBudget({ limit: () => 64, open: () => open });
    budget.take(0, plenty);
    expect(() => budget.take(1, plenty)).toThrow(UcxLimitError);
    open = 20;
    budget.give();
    budget.take(0, plenty);
    expect(budget.endpoints).toBe(1);
  });

  test("does not count for each connection", () => {
    let counts = 0;
    const budget = new DescriptorBudget({
      limit: () => 20_000,
      open: () => {
        counts++;
        return 10;
      },
    });
    for (let index = 0; index < 200; index++) budget.take(0, plenty);
    expect(counts < 20).toBe(true);
    expect(counts > 1).toBe(true);
  });

  test("keeps away from what UCX can watch", () => {
    const budget = new DescriptorBudget({
      limit: () => plenty,
      open: () => 10,
    });
    for (let index = 0; index < 1000; index++) budget.take(0, 1024);
    expect(() => budget.take(0, 1024)).toThrow(UcxLimitError);
    budget.give();
    budget.take(0, 1024);
  });

  test("does not refuse where nobody tells how many there are", () => {
    const budget = new DescriptorBudget({
      limit: () => {
        throw new Error("no /proc");
      },
      open: () => 0,
    });
    for (let index = 0; index < 100; index++) budget.take(0, plenty);
    expect(budget.endpoints).toBe(100);
  });

  test("reads its numbers from the system", () => {
    const budget = new DescriptorBudget();
    budget.take(0, plenty);
    budget.give();
    expect(() => budget.take(100_000_000, plenty)).not.toThrow();
  });
});

describe("an endpoint that delivers a last word", () => {
  test("is closed once: when its peer has closed, or its time is over", () => {
    const closed: number[] = [];
    const lingering = new Lingering((handle) => closed.push(Number(handle)));
    lingering.add(1, 100);
    lingering.add(2, 200);
    lingering.add(3, 300);
    expect(lingering.failed(9)).toBe(false);
    expect(lingering.failed(2)).toBe(true);
    expect(lingering.failed(2)).toBe(false);
    expect(lingering.checkDeadlines(150)).toBe(300);
    expect(closed).toEqual([2, 1]);
    lingering.closeAll();
    expect(closed).toEqual([2, 1, 3]);
    expect(lingering.count).toBe(0);
    expect(lingering.checkDeadlines(1000)).toBe(Number.POSITIVE_INFINITY);
  });
});

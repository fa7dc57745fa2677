import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
  testIf,
} from "../../support/testing.ts";

class Special extends Error {}

function fail(): never {
  throw new Special("no such thing");
}

describe("expect - passes when the statement holds", () => {
  test("values", () => {
    expect(Number.NaN).toBe(Number.NaN);
    expect({ a: [1, new Uint8Array([2])] }).toEqual({
      a: [1, new Uint8Array([2])],
    });
    expect(2).toBeGreaterThan(1);
    expect(2n).toBeGreaterThanOrEqual(2n);
    expect(1).toBeLessThan(2);
    expect(1).toBeLessThanOrEqual(1);
    expect("abc").toContain("b");
    expect(new Set([1, 2])).toContain(2);
    expect("abc").toMatch(/^a.c$/);
    expect("abc").toMatch("bc");
    expect(new Special()).toBeInstanceOf(Error);
    expect(undefined).toBeUndefined();
    expect(0).toBeDefined();
    expect(null).toBeNull();
    expect("x").toBeTruthy();
    expect("").toBeFalsy();
    expect(new Uint8Array(3)).toHaveLength(3);
    expect(1).not.toBe(2);
    expect([1]).not.toContain(2);
  });

  test("errors", async () => {
    expect(fail).toThrow();
    expect(fail).toThrow(Special);
    expect(fail).toThrow("such");
    expect(fail).toThrow(/^no /);
    expect(() => 1).not.toThrow();
    await expect(Promise.reject(new Special("late"))).rejects.toThrow(Special);
    await expect(Promise.reject(new Special("late"))).rejects.toThrow("late");
    await expect(Promise.reject(new Special("late"))).rejects.toBeInstanceOf(
      Special,
    );
    await expect(Promise.resolve(3)).resolves.toBe(3);
  });
});

describe("expect - throws when the statement does not hold", () => {
  const wrong: Record<string, () => void> = {
    toBe: () => expect(0).toBe(-0),
    toEqual: () => expect({ a: 1 }).toEqual({ a: 2 }),
    "toEqual with an undefined property": () =>
      expect({ a: 1 }).toEqual({ a: 1, b: undefined }),
    "toEqual with another prototype": () =>
      expect(new Uint8Array(1)).toEqual(new Int8Array(1)),
    "toThrow of another class": () => expect(fail).toThrow(TypeError),
    "toThrow of another message": () => expect(fail).toThrow("every thing"),
    "toThrow without a throw": () => expect(() => 1).toThrow(),
    toBeGreaterThan: () => expect(1).toBeGreaterThan(1),
    toBeLessThanOrEqual: () => expect(2).toBeLessThanOrEqual(1),
    "an order of strings": () => expect("2").toBeGreaterThan(1),
    toContain: () => expect([1]).toContain("1"),
    toMatch: () => expect("abc").toMatch(/b$/),
    toBeInstanceOf: () => expect({}).toBeInstanceOf(Special),
    not: () => expect(1).not.toBe(1),
  };
  for (const [name, body] of Object.entries(wrong)) {
    test(name, () => {
      expect(body).toThrow();
    });
  }

  test("rejects of a fulfilled promise", async () => {
    await expect(
      (async () => await expect(Promise.resolve(1)).rejects.toThrow())(),
    ).rejects.toThrow();
  });

  test("rejects with another class", async () => {
    await expect(
      (async () =>
        await expect(Promise.reject(new Error("x"))).rejects.toThrow(
          Special,
        ))(),
    ).rejects.toThrow();
  });
});

describe("hooks - run in order", () => {
  const order: string[] = [];
  beforeAll(() => {
    order.push("all");
  });
  beforeEach(() => {
    order.push("outer");
  });
  afterEach(() => {
    order.push("outer end");
  });

  describe("inner", () => {
    beforeEach(async () => {
      await Promise.resolve();
      order.push("inner");
    });
    afterEach(() => {
      order.push("inner end");
    });
    afterAll(() => {
      order.push("inner all end");
    });
    test("first", () => {
      order.push("first");
    });
    test("second", () => {
      order.push("second");
    });
  });

  test("before the next test of the outer group", () => {
    expect(order.join(", ")).toBe(
      "all, outer, inner, first, inner end, outer end, " +
        "outer, inner, second, inner end, outer end, inner all end, outer",
    );
  });
});

describe("testIf", () => {
  let ran = false;
  testIf(
    { name: "nothing", held: () => true },
    "to run",
    "runs when the privilege is held",
    () => {
      ran = true;
    },
  );
  test("has run", () => {
    expect(ran).toBe(true);
  });
});

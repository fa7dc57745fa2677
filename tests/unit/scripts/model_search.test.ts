import { withFigures } from "../../../scripts/model_figures.ts";
import { outcomeOf } from "../../../scripts/model_search.ts";
import { describe, expect, test } from "../../support/testing.ts";

const whole = "State-vector 180 byte, depth reached 484, errors: 0\n";

describe("what a checker says", () => {
  test("holds only when it went through all states", () => {
    expect(outcomeOf(whole)).toBe("holds");
    for (const cut of [
      "error: max search depth too small\n",
      "pan: out of memory\n",
      "Warning: Search not completed\n",
      "spin: model.pml:3, Error: undeclared variable\n",
    ]) {
      expect(outcomeOf(`${cut}${whole}`)).toBe("not exhaustive");
    }
    expect(outcomeOf("")).toBe("not exhaustive");
  });

  test("is an error only when it names one of the model's", () => {
    const wrong = whole.replace("errors: 0", "errors: 1");
    expect(outcomeOf(`pan:1: assertion violated result\n${wrong}`)).toBe(
      "error",
    );
    expect(outcomeOf(`pan:1: non-progress cycle\n${wrong}`)).toBe("error");
    expect(outcomeOf(wrong)).toBe("not exhaustive");
  });
});

describe("the figures in a document", () => {
  const run = {
    states: 1234567,
    depth: 89,
    megabytes: 61.2,
    seconds: 4.5,
    kills: true,
    cycles: false,
  };
  const begin =
    "<!-- figures: written by `bun scripts/run_model.ts --write` -->";
  const end = "<!-- end of figures -->";

  test("replace those that were there, the largest first", () => {
    const document = withFigures(`before\n${begin}\nold\n${end}\nafter`, [
      { ...run, name: "small", states: 1 },
      { ...run, name: "large" },
    ]);
    expect(document).not.toContain("old");
    expect(document).toMatch(/^before\n/);
    expect(document).toMatch(/after$/);
    expect(document).toContain("| `large` | 1,234,567 |    89 | yes   |");
    expect(document.indexOf("`large`")).toBeLessThan(
      document.indexOf("`small`"),
    );
    expect(document).toContain(
      "2 searches, 1,234,568 states; the longest took 5 s, the largest 62 MB.",
    );
  });

  test("are refused a document without their marks", () => {
    expect(() => withFigures("nothing", [{ ...run, name: "a" }])).toThrow(
      "end of figures",
    );
  });
});

import {
  environmentSource,
  type OptionSource,
  RefusedOption,
  resolveOption,
  switchOption,
  valueOption,
  variableName,
} from "../../../cmd/command_line/options.ts";
import { integer, nonEmpty } from "../../../cmd/command_line/scalars.ts";
import { describe, expect, test } from "../../support/testing.ts";

const jobs = valueOption(
  "-j, --jobs <count>",
  "handlers",
  integer(1, 16),
  1,
  "1",
);
const onFull = valueOption("--on-full <what>", "when full", nonEmpty);
const end = switchOption("--end", "end");

describe("options", () => {
  test("variableName - follows from the long flag", () => {
    expect(variableName(onFull)).toBe("RINGWIRE_ON_FULL");
  });

  test("resolveOption - the first source that has a value wins", () => {
    const flag: OptionSource = {
      look: (spec) => (spec === jobs ? ["2"] : undefined),
      nameOf: () => "--jobs",
    };
    const environment = environmentSource({
      RINGWIRE_JOBS: "3",
      RINGWIRE_END: "true",
    });
    expect(resolveOption(jobs, [flag, environment])).toEqual({
      value: 2,
      texts: ["2"],
      origin: "--jobs",
    });
    expect(resolveOption(jobs, [environment])).toEqual({
      value: 3,
      texts: ["3"],
      origin: "RINGWIRE_JOBS",
    });
    expect(resolveOption(end, [environment])).toEqual({
      value: true,
      texts: ["true"],
      origin: "RINGWIRE_END",
    });
    expect(resolveOption(jobs, [])).toEqual({
      value: 1,
      texts: undefined,
      origin: "default",
    });
    expect(
      resolveOption(onFull, [environmentSource({ RINGWIRE_ON_FULL: "" })]),
    ).toEqual({ value: undefined, texts: undefined, origin: "default" });
  });

  test("resolveOption - a bad value names its origin, what was given and what is allowed", () => {
    const attempt = (): unknown =>
      resolveOption(jobs, [environmentSource({ RINGWIRE_JOBS: "many" })]);
    expect(attempt).toThrow(RefusedOption);
    expect(attempt).toThrow(
      'RINGWIRE_JOBS: given "many", allowed is a whole number from 1 to 16',
    );
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configSource } from "../../../cmd/shared/config_file.ts";
import { UsageError } from "../../../cmd/shared/exit_codes.ts";
import {
  environmentSource,
  listOption,
  type OptionSource,
  RefusedOption,
  resolveOption,
  switchOption,
  valueOption,
  variableName,
} from "../../../cmd/shared/options.ts";
import { integer, nonEmpty } from "../../../cmd/shared/scalars.ts";
import { afterAll, describe, expect, test } from "../../support/testing.ts";

const jobs = valueOption(
  "-j, --jobs <count>",
  "handlers",
  integer(1, 16),
  1,
  "1",
);
const onFull = valueOption("--on-full <what>", "when full", nonEmpty);
const header = listOption("--header <key:value>", "headers", nonEmpty);
const end = switchOption("--end", "end");

const directory = mkdtempSync(join(tmpdir(), "ringwire-config-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const known = async (): Promise<Map<string, Set<string>>> =>
  new Map([
    ["push", new Set(["on-full", "header"])],
    ["work", new Set(["jobs"])],
  ]);

function source(
  path: string | undefined,
  verb: string,
  environment: Record<string, string> = {},
): Promise<OptionSource | undefined> {
  return configSource({
    path,
    environment,
    table: "queue-worker",
    verb,
    known,
  });
}

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

describe("configuration files", () => {
  test("a verb's own table wins over the executable's", async () => {
    const path = file(
      "a.json",
      '{"queue-worker":{"jobs":2,"work":{"jobs":4},"push":{"header":["a:1","b:2"]}},"server":{"anything":1}}',
    );
    const work = await source(path, "work");
    expect(work?.look(jobs)).toEqual(["4"]);
    expect(work?.nameOf(jobs)).toBe(`${path}: queue-worker.work.jobs`);
    const push = await source(path, "push");
    expect(push?.look(jobs)).toEqual(["2"]);
    expect(push?.look(header)).toEqual(["a:1", "b:2"]);
    expect(push?.look(onFull)).toBe(undefined);
  });

  test("TOML means the same", async () => {
    const path = file(
      "b.toml",
      '[queue-worker]\non-full = "fail"\n[queue-worker.work]\njobs = 3\n',
    );
    expect((await source(path, "work"))?.look(jobs)).toEqual(["3"]);
    expect((await source(path, "push"))?.look(onFull)).toEqual(["fail"]);
  });

  test("the user's own file is found under XDG_CONFIG_HOME, and its absence is no failure", async () => {
    const { mkdirSync } = await import("node:fs");
    mkdirSync(join(directory, "ringwire"));
    file("ringwire/config.json", '{"queue-worker":{"jobs":5}}');
    expect(
      (await source(undefined, "work", { XDG_CONFIG_HOME: directory }))?.look(
        jobs,
      ),
    ).toEqual(["5"]);
    expect(
      await source(undefined, "work", {
        XDG_CONFIG_HOME: join(directory, "none"),
      }),
    ).toBe(undefined);
    expect(await source(undefined, "work", {})).toBe(undefined);
  });

  test("mistakes are refused with the path of the mistake", async () => {
    const cases: [string, string, string][] = [
      ["c.json", "{", "c.json: "],
      [
        "d.json",
        '{"queue-worker":{"jbs":1}}',
        "queue-worker.jbs: no such option",
      ],
      [
        "e.json",
        '{"queue-worker":{"work":{"on-full":"x"}}}',
        "queue-worker.work.on-full: no such option",
      ],
      [
        "f.json",
        '{"queue-worker":{"wrok":{"jobs":1}}}',
        "queue-worker.wrok: no such option",
      ],
      ["g.json", '{"queue-worker":{"jobs":null}}', "queue-worker.jobs"],
      ["h.json", '{"queue-worker":7}', "queue-worker"],
    ];
    for (const [name, text, expected] of cases) {
      let message = "";
      try {
        await source(file(name, text), "work");
      } catch (error) {
        if (error instanceof UsageError) message = error.message;
      }
      expect(message.includes(expected)).toBe(true);
    }
    let missing: unknown;
    await source(join(directory, "missing.json"), "work").catch(
      (error: unknown) => {
        missing = error;
      },
    );
    expect(missing instanceof UsageError).toBe(true);
  });
});

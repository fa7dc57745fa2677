import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Validator } from "@cfworker/json-schema";
import { optionsOfVerbs } from "../../../cmd/command_line/command_line.ts";
import { readConfig } from "../../../cmd/configuration/config_file.ts";
import {
  ConfigSchema,
  type VerbOptions,
} from "../../../cmd/configuration/config_schema.ts";
import { duration, durationRange } from "../../../cmd/command_line/duration.ts";
import { UsageError } from "../../../cmd/command_line/exit_codes.ts";
import {
  listOption,
  longName,
  type OptionSource,
  switchOption,
  valueOption,
} from "../../../cmd/command_line/options.ts";
import { integer, nonEmpty, oneOf } from "../../../cmd/command_line/scalars.ts";
import { size } from "../../../cmd/command_line/size.ts";
import { queueWorker } from "../../../cmd/queue-worker/verbs.ts";
import { afterAll, describe, expect, test } from "../../support/testing.ts";

const jobs = valueOption("-j, --jobs <n>", "handlers", integer(1, 16), 1, "1");
const onFull = valueOption("--on-full <w>", "full", oneOf("block", "fail"));
const header = listOption("--header <key:value>", "headers", nonEmpty);
const wait = valueOption("--wait <d>", "wait", duration({ maxMs: 10_000 }));
const backoff = valueOption("--backoff <r>", "pause", durationRange);
const largest = valueOption("--largest <s>", "size", size(1, 1 << 20));
const end = switchOption("--end", "end");
/** Two verbs, two meanings. */
const formats = ["text", "json"] as const;
const pushOutput = valueOption("--output <f>", "format", oneOf("raw"));
const workOutput = valueOption("--output <f>", "format", oneOf(...formats));

const verbs: readonly VerbOptions[] = [
  {
    name: "push",
    summary: "puts in",
    options: [onFull, header, largest, end, pushOutput],
  },
  {
    name: "work",
    summary: "works",
    options: [jobs, wait, backoff, workOutput],
  },
];
const schema = new ConfigSchema("queue-worker", verbs);
const validator = new Validator(schema.toJSONSchema(), "2020-12");

const directory = mkdtempSync(join(tmpdir(), "ringwire-config-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

async function source(
  path: string | undefined,
  verb: string,
  environment: Record<string, string> = {},
): Promise<OptionSource | undefined> {
  const found = await readConfig({
    path,
    environment,
    table: "queue-worker",
    verbs: async () => verbs,
  });
  return found?.sourceFor(verb);
}

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
    mkdirSync(join(directory, "ringwire"));
    file("ringwire/config.json", '{"queue-worker":{"jobs":5}}');
    const environment = { XDG_CONFIG_HOME: directory };
    expect((await source(undefined, "work", environment))?.look(jobs)).toEqual([
      "5",
    ]);
    const elsewhere = { XDG_CONFIG_HOME: join(directory, "none") };
    expect(await source(undefined, "work", elsewhere)).toBe(undefined);
    expect(await source(undefined, "work", {})).toBe(undefined);
  });

  test("a file that is missing or cannot be parsed is refused by its name", async () => {
    for (const path of [
      join(directory, "missing.json"),
      file("c.json", "{"),
      file("c.toml", "[queue-worker"),
    ]) {
      const refused = await source(path, "work").catch(
        (error: unknown) => error,
      );
      expect(refused instanceof UsageError).toBe(true);
      expect(String(refused)).toContain(path);
    }
  });
});

/** Contents of the executable's table, and what is said about them; undefined when they are good. */
const contents: readonly (readonly [content: unknown, mistake?: string])[] = [
  [{}],
  [{ jobs: 16, "on-full": "block", end: true, header: "a:1" }],
  [{ work: { wait: "1m", backoff: "1s..5m" } }, "work.wait: given"],
  [{ work: { wait: "0", backoff: "100ms..1h30m" } }],
  [{ push: { largest: 4096, header: ["a:1", "b:2"], end: false } }],
  [{ largest: "64KiB" }],
  [{ output: "raw" }],
  [{ output: "json", work: { output: "text" } }],
  [7, "queue-worker: given 7, allowed is a table"],
  [{ jobs: 0 }, 'jobs: given "0", allowed is a whole number from 1 to 16'],
  [{ jobs: 1.5 }, 'jobs: given "1.5", allowed is a whole number'],
  [{ jobs: "4" }, 'jobs: given "4", allowed is a number, without quotes'],
  [{ jobs: null }, "jobs: given null"],
  [{ jobs: [1] }, "jobs: given [1]"],
  [{ end: "true" }, 'end: given "true", allowed is true or false'],
  [{ "on-full": "explode" }, 'given "explode", allowed is block, fail'],
  [{ push: { output: "json" } }, 'push.output: given "json", allowed is raw'],
  [{ output: "yaml" }, 'output: given "yaml"'],
  [{ wait: 30 }, 'wait: given "30", allowed is a duration'],
  [{ backoff: "soon" }, 'backoff: given "soon"'],
  [{ largest: "64XB" }, 'largest: given "64XB", allowed is a size'],
  [{ largest: 1 << 21 }, "largest: given"],
  [{ header: [""] }, 'header: given ""'],
  [{ header: [["a:1"]] }, "header: given"],
  [{ jbs: 1 }, "jbs: no such option; allowed are"],
  [{ wrok: { jobs: 1 } }, "wrok: no such option"],
  [{ work: { "on-full": "fail" } }, "work.on-full: no such option"],
  [{ work: 7 }, "work: given 7, allowed is a table"],
];

/** What only the options themselves know: the bounds of durations, and that a header is not empty. */
const beyondTheSchema = ["work.wait: given", 'header: given ""'];

/** What is looked at in a JSON Schema. */
interface Described {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: unknown;
  readonly properties?: Readonly<Record<string, Described>>;
}

function at(schemaOf: Described, key: string): Described {
  const found = schemaOf.properties?.[key];
  if (found === undefined) throw new Error(`there is no ${key}`);
  return found;
}

describe("the schema of configuration files", () => {
  test("says where the mistake is, what was given and what is allowed", () => {
    for (const [content, mistake] of contents) {
      const said = schema.mistake({ "queue-worker": content });
      if (mistake === undefined) expect(said).toBe(undefined);
      else expect(said ?? "nothing").toContain(mistake);
    }
    expect(schema.mistake(7)).toContain("the file: ");
    expect(schema.mistake({ server: { anything: null } })).toBe(undefined);
  });

  test("as JSON Schema, an independent validator takes and refuses the same", () => {
    for (const [content, mistake] of contents) {
      const { valid } = validator.validate({ "queue-worker": content });
      const expected =
        mistake === undefined || beyondTheSchema.includes(mistake);
      if (valid !== expected)
        throw new Error(`${JSON.stringify(content)} is ${valid}`);
    }
  });

  test("an option with the name of a verb is refused: the file could mean either", () => {
    const clash = { name: "jobs", summary: "", options: [] };
    expect(() => new ConfigSchema("x", [...verbs, clash])).toThrow(TypeError);
  });

  test("of ringwire-queue-worker - has every option of every verb, described, with defaults that it takes itself", async () => {
    const all = await optionsOfVerbs(queueWorker);
    const printed = new ConfigSchema(queueWorker.table, all).toJSONSchema();
    const own = new Validator(printed, "2020-12");
    const table = at(printed as Described, "queue-worker");
    let count = 0;
    for (const verb of all) {
      for (const spec of verb.options) {
        const name = longName(spec);
        const described = at(at(table, verb.name), name);
        expect(described.description).toBe(spec.description);
        expect(at(table, name).description).toContain(spec.description);
        count++;
        if (described.default === undefined) continue;
        const content = { [verb.name]: { [name]: described.default } };
        expect(own.validate({ "queue-worker": content }).valid).toBe(true);
      }
      expect(Object.keys(at(table, verb.name).properties ?? {})).toHaveLength(
        verb.options.length,
      );
    }
    expect(count).toBeGreaterThan(60);
    expect(at(at(table, "create"), "max-messages").default).toBe(16384);
    expect(at(at(table, "work"), "kill-after").default).toBe("5s");
    expect(at(at(table, "work"), "timeout").default).toBe(undefined);
    expect(at(at(table, "work"), "control").default).toBe(undefined);
    expect(at(at(table, "push"), "on-full").enum).toEqual([
      "block",
      "fail",
      "drop-oldest",
    ]);
  });
});

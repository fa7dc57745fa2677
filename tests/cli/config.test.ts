/** `config show`, `config schema`, `config check`, as they are run. */
import { writeFileSync } from "node:fs";
import { Validator } from "@cfworker/json-schema";
import { describe, expect, test } from "../support/testing.ts";
import { cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";

cleanUpSandboxes();
const timeoutMs = 30_000;

/** Cells of a table, by two spaces or more. */
function cells(text: string, option: string): string[] {
  const line = text.split("\n").find((each) => each.includes(` ${option} `));
  return (line ?? "").split(/ {2,}/);
}

describe("config show", () => {
  test(
    "names what holds for each option, and whether a flag, a variable, the file or nobody said so",
    async () => {
      await using sandbox = new Sandbox();
      const config = sandbox.file("given.json");
      writeFileSync(
        config,
        '{"queue-worker":{"timeout":"1m","jobs":2,"work":{"backoff":"1s..2s","jobs":3}}}',
      );
      const env = { RINGWIRE_CONFIG: config, RINGWIRE_TIMEOUT: "2m" };
      const words = ["config", "show", "--origin", "work"];
      const said = await sandbox.good(words, { env });
      expect(cells(said, "--backoff").slice(2)).toEqual([
        "1s..2s",
        `${config}: queue-worker.work.backoff`,
      ]);
      expect(cells(said, "--jobs")[2]).toBe("3");
      expect(cells(said, "--timeout").slice(2)).toEqual([
        "2m",
        "RINGWIRE_TIMEOUT",
      ]);
      expect(cells(said, "--kill-after").slice(2)).toEqual(["5s", "default"]);
      expect(cells(said, "--exec").slice(2)).toEqual(["-", "default"]);

      const flags = ["--", "-j", "8", "-q", "x", "--", "true", "-j", "9"];
      const flagged = await sandbox.good([...words, ...flags], { env });
      expect(cells(flagged, "--jobs").slice(2)).toEqual(["8", "--jobs"]);
      expect(cells(flagged, "--queue").slice(2)).toEqual(["x", "--queue"]);
    },
    { timeoutMs },
  );

  test(
    "knows all verbs, some, or a group, also as JSON",
    async () => {
      await using sandbox = new Sandbox();
      const shown = JSON.parse(
        await sandbox.good(["config", "show", "-o", "json"]),
      );
      expect(shown.file).toBe(null);
      const verbs = new Set(
        shown.options.map((each: { verb: string }) => each.verb),
      );
      for (const verb of ["create", "push", "dlq retry", "config show"])
        expect(verbs.has(verb)).toBe(true);
      expect(
        shown.options.find(
          (each: { verb: string; option: string }) =>
            each.verb === "create" && each.option === "max-messages",
        ),
      ).toEqual({
        verb: "create",
        option: "max-messages",
        variable: "RINGWIRE_MAX_MESSAGES",
        value: 16384,
        origin: "default",
      });
      expect(
        shown.options.find(
          (each: { verb: string; option: string }) =>
            each.verb === "work" && each.option === "timeout",
        ),
      ).toEqual({
        verb: "work",
        option: "timeout",
        variable: "RINGWIRE_TIMEOUT",
        value: null,
        note: "no limit",
        origin: "default",
      });
      const some = await sandbox.good(["config", "show", "pop", "dlq", "ls"]);
      expect(some).not.toContain("ORIGIN");
      expect(new Set(some.match(/^(?:dlq )?\w+(?= )/gm))).toEqual(
        new Set(["VERB", "pop", "dlq ls"]),
      );
      expect(await sandbox.good(["config", "show", "dlq"])).toContain(
        "dlq export",
      );
    },
    { timeoutMs },
  );

  test(
    "shows what is refused and goes on, but ends with 2; verbs and flags that do not exist end with 2 at once",
    async () => {
      await using sandbox = new Sandbox();
      const bad = await sandbox.run(["config", "show", "--origin", "work"], {
        env: { RINGWIRE_JOBS: "many" },
      });
      expect(bad.code).toBe(2);
      expect(cells(bad.out, "--jobs").slice(2)).toEqual([
        "refused",
        "RINGWIRE_JOBS",
      ]);
      expect(cells(bad.out, "--kill-after")[2]).toBe("5s");
      expect(bad.err).toContain('RINGWIRE_JOBS: given "many"');
      for (const [words, part] of [
        [["frob"], 'given "frob"'],
        [["work", "--", "--frob"], "--frob"],
        [["--", "-j", "1"], "one verb"],
        [["pop", "work", "--", "-n", "1"], "one verb"],
      ] as const) {
        const { code, err } = await sandbox.run(["config", "show", ...words]);
        expect(`${code} ${err}`).toMatch(/^2 /);
        expect(err).toContain(part);
      }
    },
    { timeoutMs },
  );
});

describe("config schema and config check", () => {
  test(
    "the schema is printed even when the file is bad, and takes what check takes",
    async () => {
      await using sandbox = new Sandbox();
      const good = sandbox.file("good.json");
      const bad = sandbox.file("bad.toml");
      const content = { $schema: "./s.json", "queue-worker": { jobs: 4 } };
      writeFileSync(good, JSON.stringify(content));
      writeFileSync(bad, "[queue-worker.work]\njobs = 0\n");
      const schema = JSON.parse(
        await sandbox.good(["config", "schema"], {
          env: { RINGWIRE_CONFIG: bad },
        }),
      );
      expect(schema.$schema).toBe(
        "https://json-schema.org/draft/2020-12/schema",
      );
      const validator = new Validator(schema, "2020-12");
      expect(validator.validate(content).valid).toBe(true);
      expect(
        validator.validate({ "queue-worker": { work: { jobs: 0 } } }).valid,
      ).toBe(false);

      const checked = await sandbox.run(["config", "check", good], {
        env: { RINGWIRE_CONFIG: bad },
      });
      expect(`${checked.code} ${checked.err}`).toContain("0 ringwire");
      for (const words of [[bad], ["--config", bad]]) {
        const refused = await sandbox.run(["config", "check", ...words]);
        expect(`${refused.code} ${refused.err}`).toBe(
          `2 ringwire-queue-worker: ${bad}: queue-worker.work.jobs: given "0", allowed is a whole number from 1 to 1024\n`,
        );
      }
      expect((await sandbox.run(["config", "check"])).code).toBe(3);
      // A bad file is a failure of every other verb, whichever it speaks of.
      expect((await sandbox.run(["ls", "--config", bad])).code).toBe(2);
    },
    { timeoutMs },
  );
});

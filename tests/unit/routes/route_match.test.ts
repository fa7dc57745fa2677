import { parseMatch, RouteSyntaxError } from "../../../src/routes/match.ts";
import { parseRoute } from "../../../src/routes/route_text.ts";
import { describe, expect, test } from "../../support/testing.ts";

function about(subject: string | undefined, tag = 0n) {
  return { tag, headers: { subject } };
}

function refusalOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (error instanceof RouteSyntaxError) return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

describe("match", () => {
  test("* takes everything, with and without a subject", () => {
    expect(parseMatch("*").matches(about(undefined))).toBe(true);
    expect(parseMatch("*").matches(about("a.b", 7n))).toBe(true);
  });

  const tags: [string, bigint, boolean][] = [
    ["tag:7", 7n, true],
    ["tag:7", 8n, false],
    ["tag:0", 0n, true],
    ["tag:100-199", 100n, true],
    ["tag:100-199", 199n, true],
    ["tag:100-199", 200n, false],
    ["tag:100-199", 99n, false],
    [`tag:${2n ** 64n - 1n}`, 2n ** 64n - 1n, true],
  ];
  for (const [text, tag, expected] of tags)
    test(`${text} - ${expected ? "takes" : "leaves"} tag ${tag}`, () => {
      expect(parseMatch(text).matches(about(undefined, tag))).toBe(expected);
    });

  const subjects: [string, string | undefined, boolean][] = [
    ["jobs", "jobs", true],
    ["jobs", "jobs.new", false],
    ["jobs", "job", false],
    ["jobs", undefined, false],
    ["jobs.>", "jobs.new", true],
    ["jobs.>", "jobs.new.now", true],
    ["jobs.>", "jobs", false],
    ["jobs.>", "jobsx.new", false],
    [">", "a", true],
    [">", "a.b", true],
    [">", undefined, false],
    ["jobs.*", "jobs.new", true],
    ["jobs.*", "jobs.new.now", false],
    ["jobs.*", "jobs.", false],
    ["jobs.*.done", "jobs.7.done", true],
    ["jobs.*.done", "jobs.7.failed", false],
    ["*.new", "jobs.new", true],
    ["*.>", "a", false],
    ["*.>", "a.b", true],
  ];
  for (const [text, subject, expected] of subjects)
    test(`${text} - ${expected ? "takes" : "leaves"} ${subject ?? "no subject"}`, () => {
      expect(parseMatch(text).matches(about(subject))).toBe(expected);
    });

  for (const text of [
    "",
    "tag:",
    "tag:x",
    "tag:-1",
    "tag:5-3",
    "tag:1-2-3",
    `tag:${2n ** 64n}`,
    "a..b",
    ".a",
    "a.",
    "a.>.b",
    "a b",
    "a*",
    ">a",
    "a\n",
  ])
    test(`${JSON.stringify(text)} is refused, and what was given is said`, () => {
      expect(refusalOf(() => parseMatch(text))).toContain(JSON.stringify(text));
    });
});

describe("route", () => {
  test("reads each target; a command may have = and : and , in it", () => {
    expect(parseRoute("*=demo").target).toEqual({ kind: "demo" });
    expect(parseRoute("a.>=echo").target).toEqual({ kind: "echo" });
    expect(parseRoute("tag:7=queue:file:/var/q").target).toEqual({
      kind: "queue",
      name: "file:/var/q",
    });
    expect(parseRoute("*=exec:x=1; echo a:b,c=$x").target).toEqual({
      kind: "exec",
      line: "x=1; echo a:b,c=$x",
    });
    expect(parseRoute("*=upstream:tcp://a:1, ws://b:2").target).toEqual({
      kind: "upstream",
      urls: ["tcp://a:1", "ws://b:2"],
    });
  });

  for (const text of [
    "demo",
    "*=",
    "*=demos",
    "*=demo:x",
    "*=queue",
    "*=queue:",
    "*=exec: ",
    "*=upstream:a:1",
    "*=upstream:tcp://a:1,",
    "*=mail:x",
  ])
    test(`${text} is refused`, () => {
      expect(refusalOf(() => parseRoute(text))).toContain("allowed");
    });
});

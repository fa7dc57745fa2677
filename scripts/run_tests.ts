/**
 * Runs every suite, one after the other, whatever the others came to, and ends
 * with one line: `N passed, N failed`. Exits 1 when something failed.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { listSourceFiles, root } from "./source_files.ts";
import {
  readJunit,
  readLeftOut,
  readProgram,
  type SuiteResult,
} from "./test_results.ts";

const reports = join(root, "build/reports");
const leftOutFile = join(reports, "left-out.jsonl");

/** Folders for each runner; a folder that does not exist yet is passed over. */
const bunFolders = ["unit", "contract", "peer", "cli", "compiled", "chaos"];
/** Unit tests that are written against tests/support/testing.ts and not against Bun run here too. */
const denoFolders = [
  "deno",
  "contract",
  "unit/base",
  "unit/ffi",
  "unit/queue",
  "unit/support",
  "unit/transport",
  "unit/ucx",
  "unit/routes",
  "unit/wire",
];

interface Suite {
  readonly name: string;
  readonly run: () => Promise<SuiteResult>;
}

async function spawn(command: string[], capture = false) {
  const child = Bun.spawn(command, {
    cwd: root,
    env: { ...process.env, RINGWIRE_TEST_LEFT_OUT: leftOutFile },
    stdin: "ignore",
    stdout: capture ? "pipe" : "inherit",
    stderr: "inherit",
  });
  const output = capture ? await new Response(child.stdout).text() : "";
  return { exitCode: await child.exited, output };
}

function program(name: string, command: string[]): Suite {
  return {
    name,
    run: async () => {
      const { exitCode, output } = await spawn(command, true);
      process.stdout.write(output);
      return readProgram(output, exitCode);
    },
  };
}

/** A step that is not a test: it counts only when it fails. */
function step(name: string, command: string[]): Suite {
  return {
    name,
    run: async () => {
      const { exitCode } = await spawn(command);
      return { passed: 0, failed: exitCode === 0 ? 0 : 1 };
    },
  };
}

/** @param capture shows its output when it has ended, because another suite runs beside it */
function junit(
  name: string,
  report: string,
  command: string[],
  capture = false,
): Suite {
  return {
    name,
    run: async () => {
      const { exitCode, output } = await spawn(command, capture);
      process.stdout.write(output);
      const text = existsSync(report)
        ? readFileSync(report, "utf8")
        : undefined;
      return readJunit(text, exitCode);
    },
  };
}

const testFiles = listSourceFiles(".test.ts", "_test.ts").map(
  (file) => file.path,
);

function runtimeSuites(): Suite[] {
  const under = (folders: string[]) =>
    folders
      .map((folder) => `tests/${folder}`)
      .filter((folder) =>
        testFiles.some((path) => path.startsWith(`${folder}/`)),
      );
  const bunReport = join(reports, "bun.xml");
  const denoReport = join(reports, "deno.xml");
  return [
    junit("bun", bunReport, [
      process.execPath,
      "test",
      // Only against hanging for ever: a busy machine takes its time.
      "--timeout=60000",
      "--reporter=junit",
      `--reporter-outfile=${bunReport}`,
      ...under(bunFolders).map((folder) => `./${folder}/`),
    ]),
    junit(
      "deno",
      denoReport,
      [
        "deno",
        "test",
        "-A",
        // Tests of what is dropped ask for a collection.
        "--v8-flags=--expose-gc",
        // `deno check` in `make check` covers the types.
        "--no-check",
        `--junit-path=${denoReport}`,
        ...under(denoFolders),
      ],
      true,
    ),
  ];
}

function nativeSuites(): Suite[] {
  const tests = listSourceFiles("_test.c").map((file) =>
    basename(file.path, ".c"),
  );
  const threaded = tests.filter((name) => name.endsWith("_threads_test"));
  const crashing = tests.filter((name) => name.endsWith("_crash_test"));
  const stepping = tests.filter((name) => name.endsWith("_kill_test"));
  const racing = tests.filter((name) => name.endsWith("_litmus_test"));
  const unsanitized = [...crashing, ...stepping, ...racing];
  const suites: Suite[] = [];
  for (const [sanitizer, names] of [
    ["asan", tests.filter((name) => !unsanitized.includes(name))],
    ["tsan", threaded],
    // Children die there at labelled points, by the dozen: no sanitizer, but speed.
    ["crash", crashing],
    // Single-stepped there, or raced on two processors (a sanitizer would order them), as what users run.
    ["release", [...stepping, ...racing]],
  ] as const) {
    for (const name of names) {
      const target = `build/${sanitizer}/${name}`;
      suites.push(step(`build ${target}`, ["make", "--silent", target]));
      suites.push(program(`run ${target}`, [join(root, target)]));
    }
  }
  return suites;
}

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
/** One after the other; those of one line at the same time, since most tests wait for something. */
const lines: readonly (readonly Suite[])[] = [
  [step("check", ["make", "--silent", "--keep-going", "check"])],
  ...nativeSuites().map((suite) => [suite]),
  [program("model", [process.execPath, "scripts/run_model.ts", "--quick"])],
  runtimeSuites(),
];
const outcomes: Array<SuiteResult & { name: string }> = [];
for (const line of lines) {
  console.log(`--- ${line.map(({ name }) => name).join(" and ")}`);
  outcomes.push(
    ...(await Promise.all(
      line.map(async ({ name, run }) => ({ name, ...(await run()) })),
    )),
  );
}

console.log("---");
for (const { name, passed, failed } of outcomes) {
  if (failed > 0) console.log(`${name}: ${passed} passed, ${failed} failed`);
}
const leftOut = existsSync(leftOutFile)
  ? readFileSync(leftOutFile, "utf8")
  : "";
for (const { name, privilege, reason } of readLeftOut(leftOut)) {
  console.log(`left out: ${name}: needs ${privilege} ${reason}`);
}
const sum = (key: keyof SuiteResult) =>
  outcomes.reduce((total, outcome) => total + outcome[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exit(sum("failed") > 0 ? 1 : 0);

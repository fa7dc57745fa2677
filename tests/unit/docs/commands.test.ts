/** Every block of the documents that is marked as runnable works as it stands, and prints what is written below it. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  listDocuments,
  readDocument,
  root,
  type RunnableBlock,
  runnableBlocks,
} from "../../support/documents.ts";
import { Sandbox } from "../../support/sandbox.ts";
import { describe, expect, test } from "../../support/testing.ts";

const timeoutMs = 60_000;
const deno = Bun.which("deno") ?? join(root, ".tools/node_modules/.bin/deno");
/** Within the repository, so that both runtimes find its packages. */
const programs = join(root, "build/document-programs");

async function runShell(block: RunnableBlock): Promise<void> {
  await using sandbox = new Sandbox();
  for (const name of ["one", "two", "three four"])
    writeFileSync(sandbox.file(name), `${name}\n`);
  const script = `set -e\nexport HOME="$PWD"\n${block.code}`;
  const { code, out, err } = await sandbox.bash(script);
  if (code !== 0) throw new Error(`ended with ${code}: ${out}${err}`);
  if (block.expected !== undefined) expect(out).toBe(block.expected);
}

async function runProgram(block: RunnableBlock, name: string): Promise<void> {
  mkdirSync(programs, { recursive: true });
  const path = join(programs, `${name}.ts`);
  const module = JSON.stringify(join(root, "src/mod.ts"));
  writeFileSync(path, block.code.replaceAll('"ringwire"', module));
  try {
    // Those that the guides name.
    const permissions = ["--allow-ffi", "--allow-read", "--allow-env"];
    if (block.code.includes("Transport")) permissions.push("--allow-net");
    for (const command of [
      [process.execPath, path],
      [
        deno,
        "run",
        "--quiet",
        "--no-prompt",
        "--no-check",
        ...permissions,
        path,
      ],
    ]) {
      await using sandbox = new Sandbox();
      const { code, out, err } = await sandbox.start(command).ended;
      if (code !== 0) throw new Error(`ended with ${code}: ${out}${err}`);
      if (block.expected !== undefined) expect(out).toBe(block.expected);
    }
  } finally {
    rmSync(path);
  }
}

for (const document of listDocuments()) {
  const blocks = runnableBlocks(readDocument(document));
  if (blocks.length === 0) continue;
  describe(document, () => {
    for (const block of blocks) {
      const name = `${document.replaceAll(/\W/g, "-")}-${block.line}`;
      test(
        `the ${block.language} block of line ${block.line} works as it stands`,
        () =>
          block.language === "sh" ? runShell(block) : runProgram(block, name),
        { timeoutMs },
      );
    }
  });
}

describe("documents", () => {
  test("README.md has pipelines and a program that are run", () => {
    const languages = runnableBlocks(readDocument("README.md")).map(
      ({ language }) => language,
    );
    expect(languages.filter((language) => language === "sh")).toHaveLength(7);
    expect(languages.filter((language) => language === "ts")).toHaveLength(3);
  });
});

/** docs/guide/worker.md names every verb with every flag, and no flag that does not exist. */
import { queueWorker } from "../../../cmd/queue-worker/verbs.ts";
import { ExitCode } from "../../../cmd/command_line/exit_codes.ts";
import { longName } from "../../../cmd/command_line/options.ts";
import { readDocument, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

const guide = readDocument("docs/guide/worker.md");

/** Text from `### verb` to the next heading of that level or above. */
function sectionOf(verb: string): string {
  const begin = guide.indexOf(`\n### ${verb}\n`);
  if (begin < 0) throw new Error(`there is no section ${verb}`);
  const rest = guide.slice(begin + verb.length + 5);
  const end = rest.search(/^#{2,3} /m);
  return end < 0 ? rest : rest.slice(0, end);
}

describe("docs/guide/worker.md", () => {
  for (const { name, load } of queueWorker.verbs) {
    test(`${name} - has a section with exactly its flags`, async () => {
      const { options } = await load();
      const existing = Object.values(options).map(longName).sort();
      const prose = sectionOf(name).replaceAll(/^```[\s\S]*?^```$/gm, "");
      // A flag is introduced by a code span that begins with it, or with its short form.
      const spans = [...prose.matchAll(/`(?:-\w, )?--([a-z-]+)[^`]*`/g)];
      const named = [...new Set(spans.map((match) => match[1] ?? ""))].sort();
      expect(named).toEqual(existing);
    });
  }

  test("explains every exit code that this executable can end with", () => {
    const rows = tableRows(sectionOf("Exit codes"));
    const explained = rows.flatMap(([codes = ""]) =>
      codes.split(",").map(Number),
    );
    // 5 belongs to the executables that talk to a network.
    const { unreachable: _, ...own } = ExitCode;
    for (const code of Object.values(own)) expect(explained).toContain(code);
  });
});

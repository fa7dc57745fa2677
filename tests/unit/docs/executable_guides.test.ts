/** docs/guide/server.md and client.md name every verb with every flag, and no flag that does not exist. */
import { client } from "../../../cmd/client/verbs.ts";
import { server } from "../../../cmd/server/verbs.ts";
import { longName } from "../../../cmd/command_line/options.ts";
import { readDocument, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

/** Text from `### verb` to the next heading of that level or above. */
function sectionOf(guide: string, verb: string): string {
  const begin = guide.indexOf(`\n### ${verb}\n`);
  if (begin < 0) throw new Error(`there is no section ${verb}`);
  const rest = guide.slice(begin + verb.length + 5);
  const end = rest.search(/^#{2,3} /m);
  return end < 0 ? rest : rest.slice(0, end);
}

for (const [path, { verbs }] of [
  ["docs/guide/server.md", server],
  ["docs/guide/client.md", client],
] as const) {
  const guide = readDocument(path);
  describe(path, () => {
    for (const { name, load } of verbs)
      test(`${name} - has a section with exactly its flags`, async () => {
        const { options } = await load();
        const existing = Object.values(options).map(longName).sort();
        const prose = sectionOf(guide, name).replaceAll(
          /^```[\s\S]*?^```$/gm,
          "",
        );
        // A flag is introduced by the first cell of its row, in a code span that begins with it or with its short form.
        const named = tableRows(prose).flatMap(([first = ""]) =>
          [...first.matchAll(/`(?:-\w, )?--([a-z-]+)[^`]*`/g)].map(
            (match) => match[1] ?? "",
          ),
        );
        expect([...new Set(named)].sort()).toEqual(existing);
      });
  });
}

describe("docs/guide/client.md", () => {
  test("explains every exit code that the client can end with", () => {
    const rows = tableRows(
      sectionOf(readDocument("docs/guide/client.md"), "Exit codes"),
    );
    const explained = rows.flatMap(([codes = ""]) =>
      codes.split(",").map(Number),
    );
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 124, 130, 141])
      expect(explained).toContain(code);
  });
});

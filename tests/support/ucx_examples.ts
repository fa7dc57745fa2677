/** UCX's own example programs, which are compiled for the tests. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const sources = "/usr/share/doc/libucx-dev/examples";

/** Compiled examples, until `remove`. */
export class UcxExamples {
  readonly #directory = mkdtempSync(join(tmpdir(), "ringwire-ucx-examples-"));
  readonly #compiled = new Map<string, string>();

  /** The path of an example. @throws {Error} that says what to install when it cannot be compiled */
  path(name: "ucp_client_server" | "ucp_hello_world"): string {
    const known = this.#compiled.get(name);
    if (known !== undefined) return known;
    const source = join(sources, `${name}.c`);
    if (!existsSync(source))
      throw new Error(
        `${source} is missing: 'apt-get install libucx-dev' (UCX's headers and examples)`,
      );
    const target = join(this.#directory, name);
    const words = ["-o", target, source, "-lucp", "-lucs", "-lpthread"];
    const { status, error, stderr } = spawnSync("cc", words, {
      encoding: "utf8",
    });
    if (error !== undefined)
      throw new Error(
        `no C compiler: 'apt-get install gcc libc6-dev' (${error.message})`,
      );
    if (status !== 0)
      throw new Error(
        `${source} could not be compiled; 'apt-get install gcc libc6-dev libucx-dev' has what it needs:\n${stderr}`,
      );
    this.#compiled.set(name, target);
    return target;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** What the examples send: `count` strings of A to Z, each with a zero at the end. */
export function exampleText(
  byteLength: number,
  count = 1,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(byteLength * count));
  for (let index = 0; index < bytes.length; index++) {
    const place = index % byteLength;
    bytes[index] = place === byteLength - 1 ? 0 : 65 + (place % 26);
  }
  return bytes;
}

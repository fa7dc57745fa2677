import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountOf } from "../../../cmd/queue-worker/doctor/directory.ts";
import { memoryLimit } from "../../../cmd/queue-worker/doctor/system.ts";
import { afterAll, describe, expect, test } from "../../support/testing.ts";

const root = mkdtempSync(join(tmpdir(), "ringwire-cgroups-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function group(path: string, files: Readonly<Record<string, string>>): string {
  const directory = join(root, path);
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(directory, name), `${text}\n`);
  return directory;
}

describe("doctor", () => {
  test("the memory limit is the lowest of the group and all above it, in both versions of cgroups", () => {
    group("two", { "memory.max": "max", "memory.current": "9" });
    const two = group("two/a", { "memory.max": "500", "memory.current": "8" });
    group("two/a/b", { "memory.max": "900", "memory.current": "7" });
    expect(memoryLimit("0::/a/b\n", join(root, "two"))).toEqual({
      bytes: 500,
      usedBytes: 8,
      path: two,
    });
    const unlimited = {
      "memory.limit_in_bytes": "9223372036854771712",
      "memory.usage_in_bytes": "1",
    };
    group("one/memory", unlimited);
    const one = group("one/memory/c", {
      "memory.limit_in_bytes": "700",
      "memory.usage_in_bytes": "6",
    });
    const groups = "5:cpu,cpuacct:/c\n4:memory:/c\n0::/\n";
    expect(memoryLimit(groups, join(root, "one"))).toEqual({
      bytes: 700,
      usedBytes: 6,
      path: one,
    });
    expect(memoryLimit("4:memory:/\n", join(root, "one"))).toBe(undefined);
    expect(memoryLimit("", root)).toBe(undefined);
    // A container may see the path of its host, and only its own group below the mount.
    writeFileSync(join(root, "two/memory.max"), "300\n");
    expect(memoryLimit("0::/host/path\n", join(root, "two"))?.bytes).toBe(300);
  });

  test("a path lies on the innermost mount", () => {
    expect(mountOf("/proc/self")?.point).toBe("/proc");
    expect(mountOf("/procession")?.point).not.toBe("/proc");
    expect(mountOf("/dev/shm/x")?.type).toBe("tmpfs");
  });
});

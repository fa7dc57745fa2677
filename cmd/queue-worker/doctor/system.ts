/** The machine: limits of the process, what the kernel can do, what confines us, memory of the cgroup. */
import { readFileSync, readlinkSync } from "node:fs";
import { release } from "node:os";
import { tryMemoryFile, tryPidfd } from "../../../ffi/kernel_probes.ts";
import { formatSizeShort } from "../../command_line/size.ts";
import {
  broken,
  errorName,
  type Finding,
  ok,
  warn,
} from "../../doctor/finding.ts";

/** A worker has a dozen files open, and each handler of `-j` six more; some room for a larger table of events. */
const openFilesFew = 1024;
const openFilesTooFew = 64;
const filesOfHandler = 6;
const filesOfWorker = 30;

/** The text of a file of /proc or /sys; undefined when it is not there or may not be read. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** A soft limit of this process; infinity when there is none, undefined when the kernel does not say. */
function softLimit(name: string): number | undefined {
  const limits = readText("/proc/self/limits") ?? "";
  const line = limits.split("\n").find((each) => each.startsWith(name));
  const text = line?.slice(name.length).trim().split(/\s+/, 1)[0];
  if (text === undefined) return undefined;
  return text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text);
}

function openFiles(): Finding {
  const check = "open files";
  const limit = softLimit("Max open files");
  if (limit === undefined)
    return warn(
      check,
      "/proc/self/limits cannot be read",
      "mount -t proc proc /proc",
    );
  const handlers = Math.floor((limit - filesOfWorker) / filesOfHandler);
  const seen = `at most ${limit} for a process, which is enough for ${Math.max(0, handlers)} handlers at a time`;
  const fix = "ulimit -n 65536, or LimitNOFILE=65536 in the service's unit";
  if (limit < openFilesTooFew) return broken(check, seen, fix);
  return limit < openFilesFew ? warn(check, seen, fix) : ok(check, seen);
}

function sizeLimits(): Finding[] {
  const limits = [
    ["file size", "Max file size", "ulimit -f unlimited"],
    ["address space", "Max address space", "ulimit -v unlimited"],
  ] as const;
  return limits.flatMap(([check, name, fix]) => {
    const limit = softLimit(name);
    return limit === undefined || limit === Number.POSITIVE_INFINITY
      ? []
      : [
          warn(
            check,
            `limited to ${formatSizeShort(limit)}: larger queues cannot be made or opened`,
            fix,
          ),
        ];
  });
}

const seccompFix =
  "a kernel of 5.3 or later, and a seccomp profile that allows the call (Docker: --security-opt seccomp=FILE)";

/** One call that the queue makes, and what happens without it. */
function kernelCall(call: string, errno: number, without: string): Finding {
  const check = `kernel: ${call}`;
  return errno === 0
    ? ok(check, "works")
    : broken(check, `refused with ${errorName(errno)}: ${without}`, seccompFix);
}

/** What confines this process, for whoever wonders why a call is refused. */
function confinement(): Finding {
  const status = readText("/proc/self/status") ?? "";
  const seccomp = /^Seccomp:\s*(\d)/m.exec(status)?.[1];
  const label = readText("/proc/self/attr/current")?.replaceAll("\0", "");
  const enforcing = readText("/sys/fs/selinux/enforce");
  const parts = [
    `seccomp ${seccomp === undefined ? "unknown" : seccomp === "0" ? "off" : "on"}`,
    label ? `security label ${label}` : "no security label",
    ...(enforcing === undefined
      ? []
      : [`SELinux ${enforcing === "1" ? "enforcing" : "permissive"}`]),
  ];
  return ok("confinement", parts.join(", "));
}

/** A memory limit that holds for this process. */
export interface MemoryLimit {
  readonly bytes: number;
  readonly usedBytes: number;
  readonly path: string;
}

/** Files of version 2, then of version 1 of cgroups. */
const memoryFiles = [
  {
    line: /^0::(.*)$/m,
    below: "",
    max: "memory.max",
    used: "memory.current",
  },
  {
    line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    below: "/memory",
    max: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
  },
] as const;
/** Version 1 writes "no limit" as a number close to 2^63. */
const noLimitBytes = 2 ** 60;

/**
 * Looks at the group itself and all above it: the lowest limit holds. Undefined when there is none.
 *
 * @param groups the text of /proc/self/cgroup
 * @param root where the groups are mounted
 */
export function memoryLimit(
  groups: string,
  root: string,
): MemoryLimit | undefined {
  let lowest: MemoryLimit | undefined;
  for (const { line, below, max, used } of memoryFiles) {
    const own = line.exec(groups)?.[1];
    if (own === undefined) continue;
    const names = own.split("/").filter((name) => name !== "");
    for (let depth = names.length; depth >= 0; depth--) {
      const path = [`${root}${below}`, ...names.slice(0, depth)].join("/");
      const bytes = Number(readText(`${path}/${max}`) ?? Number.NaN);
      if (!(bytes < noLimitBytes) || bytes >= (lowest?.bytes ?? noLimitBytes))
        continue;
      const usedBytes = Number(readText(`${path}/${used}`) ?? 0);
      lowest = { bytes, usedBytes, path };
    }
  }
  return lowest;
}

/**
 * The kernel kills at the limit of a cgroup, where a full /dev/shm is only an error: the queues must fit.
 *
 * @param growthBytes what the queues may still take
 */
export function checkMemory(growthBytes: number): Finding {
  const check = "memory limit";
  const groups = readText("/proc/self/cgroup") ?? "";
  const limit = memoryLimit(groups, "/sys/fs/cgroup");
  if (limit === undefined) return ok(check, "none (cgroup)");
  const { bytes, usedBytes, path } = limit;
  const seen = `${formatSizeShort(bytes)}, ${formatSizeShort(usedBytes)} in use (${path})`;
  return usedBytes + growthBytes > bytes
    ? warn(
        check,
        `${seen}; the queues may take ${formatSizeShort(growthBytes)} more, and beyond the limit the kernel kills instead of refusing`,
        "a higher limit (MemoryMax=, docker --memory), or queues made with a smaller --max-messages or --max-message-size",
      )
    : ok(check, seen);
}

/** Everything that has nothing to do with a directory or a queue. */
export function checkSystem(): Finding[] {
  return [
    ok(
      "kernel",
      `Linux ${release()}, ${timeNamespace() ?? "no time namespaces"}`,
    ),
    openFiles(),
    ...sizeLimits(),
    kernelCall(
      "memfd_create",
      tryMemoryFile(),
      "the library that the executable carries cannot be loaded",
    ),
    kernelCall(
      "pidfd_open",
      tryPidfd(),
      "the messages of a killed worker come back after about a second, not at once",
    ),
    confinement(),
  ];
}

/** The time namespace of a process, as the kernel names it; undefined when it does not say. */
export function timeNamespace(
  pid: number | "self" = "self",
): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/time`);
  } catch {
    return undefined;
  }
}

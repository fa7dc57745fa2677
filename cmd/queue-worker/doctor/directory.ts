/** The directory of the queues: is it there, memory, ours to write, and is there room. */
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import {
  isDeadSocket,
  tryAllocate,
  tryByteLock,
} from "../../../ffi/kernel_probes.ts";
import { sharedMemoryDirectory } from "../../../src/queue/place.ts";
import { isRefused } from "../../control/dead_sockets.ts";
import { listControls } from "../../control/control_place.ts";
import { formatSizeShort } from "../../command_line/size.ts";
import {
  broken,
  counted,
  errorName,
  type Finding,
  ok,
  reasonOf,
  warn,
} from "../../doctor/finding.ts";

const memoryTypes: ReadonlySet<string> = new Set([
  "tmpfs",
  "ramfs",
  "hugetlbfs",
]);
/** Longest path of a unix socket, the end not included. */
const socketPathBytes = 107;
/** Room of a wake socket's name: 16 hexadecimal digits, a dash, four digits. */
const socketNameBytes = 21;
/** What a small queue takes from the beginning. */
const leastFreeBytes = 1 << 20;
/** Leftovers younger than this may belong to somebody who is at it. */
const leftoverAgeMs = 60_000;
const O_TMPFILE = 0o20200000;

/** A line of /proc/self/mountinfo. */
interface Mount {
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

function unescapeMount(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The mount that a path lies on; the last one wins, as the kernel has it. */
export function mountOf(path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const fields = left.split(" ");
    const [type = "", , superOptions = ""] = right.split(" ");
    const point = unescapeMount(fields[4] ?? "");
    const below = point === "/" ? "/" : `${point}/`;
    if (point === "" || !(path === point || path.startsWith(below))) continue;
    if (point.length < (found?.point.length ?? 0)) continue;
    const options = [
      ...new Set([...(fields[5] ?? "").split(","), ...superOptions.split(",")]),
    ];
    found = { point, type, options };
  }
  return found;
}

/** A file without a name where that is possible; otherwise its name is gone again before anything else happens. */
function openTemporary(directory: string): number {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  try {
    return openSync(directory, O_TMPFILE | O_RDWR, 0o600);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "EISDIR")
      throw error;
  }
  const path = join(directory, `.ringwire-doctor-${process.pid}`);
  const descriptor = openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
  unlinkSync(path);
  return descriptor;
}

const elsewhere =
  "RINGWIRE_SHM_DIR=/dev/shm, or a directory of your own on a tmpfs";

/** What a queue does with its file, actually tried. */
function tryFile(directory: string): Finding[] {
  let descriptor: number;
  try {
    descriptor = openTemporary(directory);
  } catch (error) {
    return [
      broken(
        "directory",
        `no file can be made there: ${reasonOf(error)}`,
        `chmod u+rwx ${directory}, or mount it read-write; else ${elsewhere}`,
      ),
    ];
  }
  try {
    const attempts = [
      ["fallocate", tryAllocate(descriptor, 1 << 16)],
      ["byte locks", tryByteLock(descriptor)],
    ] as const;
    return attempts.map(([call, errno]) =>
      errno === 0
        ? ok(`directory: ${call}`, "works there")
        : broken(
            `directory: ${call}`,
            `refused with ${errorName(errno)}`,
            errno === 28
              ? `mount -o remount,size=1g ${mountOf(directory)?.point ?? directory}`
              : elsewhere,
          ),
    );
  } finally {
    closeSync(descriptor);
  }
}

function checkKind(directory: string, mount: Mount | undefined): Finding {
  const check = "directory";
  const found = statSync(directory);
  const mode = (found.mode & 0o7777).toString(8).padStart(4, "0");
  const seen = `${directory} on ${mount?.type ?? "an unknown file system"} (${mount?.options.join(",") ?? "not in /proc/self/mountinfo"}), user ${found.uid}, mode ${mode}`;
  if (mount !== undefined && !memoryTypes.has(mount.type))
    return broken(
      check,
      `${seen}: not a memory file system`,
      `mount -t tmpfs -o size=1g,mode=1777 tmpfs ${directory}; or ${elsewhere}; a queue on a disk is -q file:PATH`,
    );
  if (mount?.options.includes("ro") === true)
    return broken(
      check,
      `${seen}: mounted read-only`,
      `mount -o remount,rw ${mount.point}`,
    );
  if ((found.mode & 0o1002) === 0o0002)
    return warn(
      check,
      `${seen}: everybody may remove your queues`,
      `chmod +t ${directory}`,
    );
  return ok(check, seen);
}

/** @param growthBytes what the queues there may still take */
function checkSpace(
  directory: string,
  mount: Mount | undefined,
  growthBytes: number,
): Finding[] {
  const { bsize, blocks, bavail, files, ffree } = statfsSync(directory);
  const freeBytes = bsize * bavail;
  const seen = `${formatSizeShort(freeBytes)} free of ${formatSizeShort(bsize * blocks)}`;
  const wanted = formatSizeShort(growthBytes + bsize * (blocks - bavail));
  const fix = `mount -o remount,size=… ${mount?.point ?? directory} (Docker: --shm-size=…); take messages out; or queues made with smaller limits`;
  const findings =
    freeBytes < leastFreeBytes
      ? [broken("space", `${seen}: no queue can be made`, fix)]
      : growthBytes > freeBytes
        ? [
            warn(
              "space",
              `${seen}; if all queues there become full of messages of their largest size, that needs ${wanted} in all: senders would get NoSpace`,
              fix,
            ),
          ]
        : [ok("space", seen)];
  if (files > 0 && ffree < 16)
    findings.push(
      broken(
        "space: files",
        `${ffree} more files of ${files} are possible`,
        `mount -o remount,nr_inodes=100k ${mount?.point ?? directory}`,
      ),
    );
  return findings;
}

/** The sockets that event loops are woken by, and those of control. */
function checkWakeDirectory(directory: string): Finding {
  const check = "wake sockets";
  const uid = process.geteuid?.() ?? 0;
  const path = join(directory, `.ringwire-${uid}`);
  if (Buffer.byteLength(path) + 1 + socketNameBytes > socketPathBytes)
    return broken(
      check,
      `${path} is too long for the address of a unix socket`,
      "RINGWIRE_SHM_DIR=… of at most 60 characters",
    );
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    return ok(check, `${path} is made when somebody first waits`);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0)
    return broken(
      check,
      `${path} is not a directory of user ${uid} with mode 0700: nobody who waits is woken`,
      found.isDirectory() && found.uid === uid
        ? `chmod 700 ${path}`
        : `let user ${found.uid} remove it: rm -r ${path}`,
    );
  const dead = readdirSync(path)
    .map((name) => join(path, name))
    .filter(
      (socket) =>
        lstatSync(socket, { throwIfNoEntry: false })?.isSocket() === true &&
        isDeadSocket(socket),
    );
  return dead.length === 0
    ? ok(check, path)
    : warn(
        check,
        `${counted(dead.length, "socket")} in ${path} left behind by the killed; no harm is done by it`,
        `rm ${dead.join(" ")}`,
      );
}

async function checkControls(): Promise<Finding> {
  const check = "control sockets";
  try {
    const entries = listControls();
    const dead: string[] = [];
    for (const { path } of entries) if (await isRefused(path)) dead.push(path);
    return dead.length === 0
      ? ok(
          check,
          entries.length === 0 ? "none" : `${entries.length}, all answer`,
        )
      : warn(
          check,
          `nobody listens any more on ${dead.length} of ${entries.length}; the next worker removes them`,
          `rm ${dead.join(" ")}`,
        );
  } catch (error) {
    return broken(
      check,
      reasonOf(error),
      "remove that directory, or give it back to its user with mode 0700",
    );
  }
}

/** What creators left that were killed where files without names are not possible. */
function checkLeftovers(directory: string): Finding[] {
  const left = readdirSync(directory)
    .filter((name) => name.startsWith(".ringwire-new-"))
    .map((name) => join(directory, name))
    .filter((path) => {
      const found = lstatSync(path, { throwIfNoEntry: false });
      return (
        found !== undefined &&
        found.uid === process.geteuid?.() &&
        Date.now() - found.mtimeMs > leftoverAgeMs
      );
    });
  return left.length === 0
    ? []
    : [
        warn(
          "leftovers",
          `${counted(left.length, "queue")} never finished: whoever made it was killed`,
          `rm ${left.join(" ")}`,
        ),
      ];
}

/** What was found, and whether it makes sense to look into the directory at all. */
export interface DirectoryFindings {
  readonly findings: readonly Finding[];
  readonly usable: boolean;
}

/**
 * The directory of the queues, `RINGWIRE_SHM_DIR` or /dev/shm.
 *
 * @param growthBytes what the queues there may still take
 */
export async function checkDirectory(
  growthBytes: number,
): Promise<DirectoryFindings> {
  const directory = sharedMemoryDirectory();
  let mount: Mount | undefined;
  let kind: Finding;
  try {
    mount = mountOf(directory);
    kind = checkKind(directory, mount);
    if (!statSync(directory).isDirectory())
      throw new Error(`${directory} is no directory`);
  } catch (error) {
    const made = `mkdir ${directory}, on a tmpfs; or ${elsewhere}`;
    return {
      findings: [broken("directory", reasonOf(error), made)],
      usable: false,
    };
  }
  const attempts = kind.status === "broken" ? [] : tryFile(directory);
  const findings = [
    kind,
    ...attempts,
    ...checkSpace(directory, mount, growthBytes),
    checkWakeDirectory(directory),
    await checkControls(),
    ...checkLeftovers(directory),
  ];
  return {
    findings,
    usable: findings.every(({ status }) => status !== "broken"),
  };
}

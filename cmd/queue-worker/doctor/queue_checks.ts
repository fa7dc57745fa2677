/** One queue: can it be opened, is anything in its way. It is only looked at. */
import { closeSync, existsSync } from "node:fs";
import { isByteLocked } from "../../../ffi/kernel_probes.ts";
import { SEGMENT } from "../../../ffi/shm/segment.ts";
import { shimAbi } from "../../../ffi/shm/symbols.ts";
import {
  type CrossProcessQueue,
  parsePlace,
  type ParticipantStatus,
  type QueueInfo,
  QueueNotFoundError,
  type QueueStatus,
  SharedMemoryError,
} from "../../../src/queue/mod.ts";
import { formatDuration } from "../../command_line/duration.ts";
import { escapeControls } from "../../records/records.ts";
import { formatSizeShort } from "../../command_line/size.ts";
import { followName, openQueue } from "../../queues/open_queue.ts";
import { mountOf } from "./directory.ts";
import {
  broken,
  counted,
  type Finding,
  ok,
  reasonOf,
  warn,
} from "../../doctor/finding.ts";
import { openSegment, readSegmentHeader } from "./segment_header.ts";
import { selfTestPrefix } from "./native.ts";
import { timeNamespace } from "./system.ts";

const worker = "ringwire-queue-worker";
/** From this share on, senders are close to waiting. */
const nearlyFull = 0.9;

/** What a queue that cannot be opened needs, by the error's code. */
function fixFor(code: string, name: string, path: string): string {
  switch (code) {
    case "NotPermitted":
      return `chmod 600 ${path}, or whoever it belongs to; a program may share it with { shared: true }`;
    case "ForeignSegment":
      return `ls -l ${path}, and move away what is no queue`;
    case "VersionMismatch":
      return `use the build that it was made with, or give it up with its messages: ${worker} rm ${name}`;
    case "QueueClosed":
      return `${worker} rm ${name}`;
    default:
      return `give it up with its messages: ${worker} rm ${name}`;
  }
}

function unopenable(check: string, name: string, error: unknown): Finding {
  const code = error instanceof SharedMemoryError ? error.code : "";
  const { path } = parsePlace(followName(name));
  const fix = fixFor(code, name, path);
  // A creator or a remover may be at it, or somebody wants it that way.
  const harmless = code === "NotPermitted" || code === "QueueClosed";
  const seen = reasonOf(error);
  return harmless ? warn(check, seen, fix) : broken(check, seen, fix);
}

function nameOf(participants: readonly ParticipantStatus[]): string {
  return participants
    .map(({ pid, name }) => `${escapeControls(name)} ${pid}`)
    .join(", ");
}

/** Who of the participants lives is told by the lock that each holds on the file. */
function checkParticipants(
  check: string,
  { name, path }: QueueInfo,
  participants: readonly ParticipantStatus[],
): Finding[] {
  const descriptor = openSegment(path);
  const isDead = ({ index }: ParticipantStatus): boolean =>
    isByteLocked(descriptor, SEGMENT.lockBase + BigInt(index)) === false;
  let dead: ParticipantStatus[];
  try {
    dead = participants.filter(isDead);
  } finally {
    closeSync(descriptor);
  }
  const alive = participants.filter((each) => !dead.includes(each));
  const elsewhere = alive.filter(({ pid }) => !existsSync(`/proc/${pid}`));
  const own = timeNamespace();
  const shifted = alive.filter(({ pid }) => {
    const theirs = timeNamespace(pid);
    return theirs !== undefined && own !== undefined && theirs !== own;
  });
  const findings: Finding[] = [];
  if (dead.length > 0) {
    const leased = dead.reduce((sum, each) => sum + each.leased, 0);
    findings.push(
      warn(
        check,
        `${nameOf(dead)}: killed, with ${counted(leased, "leased message")}; they are delivered again as soon as somebody uses the queue`,
        `${worker} work -q ${name} -- …`,
      ),
    );
  }
  if (elsewhere.length > 0)
    findings.push(
      ok(
        check,
        `in another PID namespace: ${nameOf(elsewhere)}; should they be killed, that is noticed within about a second, not at once`,
      ),
    );
  if (shifted.length > 0)
    findings.push(
      broken(
        check,
        `${nameOf(shifted)} live in another time namespace: leases and delays are judged by clocks that differ`,
        "run all of them without a time namespace of their own (unshare without --time)",
      ),
    );
  return findings;
}

function checkContent(
  check: string,
  name: string,
  queue: CrossProcessQueue,
  status: QueueStatus,
): Finding[] {
  const { maxMessages, maxDead } = queue.info;
  const { usage, buried, delayed, leased, messageCount } = status;
  const findings: Finding[] = [];
  if (status.paused)
    findings.push(
      warn(
        check,
        `paused: nobody can take what waits (${counted(messageCount, "message")})`,
        `${worker} resume ${name}`,
      ),
    );
  if (usage >= nearlyFull) {
    const full = usage >= 1 ? "full" : "nearly full";
    findings.push(
      warn(
        check,
        `${full}: ${Math.round(usage * maxMessages)} of ${maxMessages} messages (${messageCount} waiting, ${leased} leased, ${delayed} delayed, ${buried} dead letters)`,
        buried > maxMessages / 2
          ? `${worker} dlq retry -q ${name} --all, or dlq drop`
          : `more workers: ${worker} work -q ${name} -- …; or a queue with a larger --max-messages`,
      ),
    );
  }
  if (buried > 0) {
    const dropped = status.drops.dead;
    findings.push(
      warn(
        check,
        `${counted(buried, "dead letter")} of at most ${maxDead}${dropped > 0 ? `; ${dropped} were dropped` : ""}`,
        `${worker} dlq ls -q ${name}, then dlq retry or dlq drop`,
      ),
    );
  }
  if (status.counters.corrupt > 0)
    findings.push(
      warn(
        check,
        `${counted(status.counters.corrupt, "message")} with a wrong checksum: somebody else wrote to ${queue.info.path}, or the disk lost pages`,
        `${worker} dlq show, and find out who writes there: fuser -v ${queue.info.path}`,
      ),
    );
  return findings;
}

/** A journal that no process of this boot has opened yet. */
function unopenedJournal(check: string, name: string): Finding | undefined {
  const { path, kind } = parsePlace(followName(name));
  if (kind !== "file") return undefined;
  // What is not there, no segment, or of another version, is for the shim to say.
  if (!existsSync(path)) return undefined;
  const header = readSegmentHeader(path);
  if (header === undefined || header.ofThisBoot) return undefined;
  if (header.abiMajor !== shimAbi.major) return undefined;
  return ok(
    check,
    `journal ${path}, last used before the latest reboot; whoever opens it first rebuilds it, so it was not opened`,
  );
}

function journalFinding(check: string, queue: CrossProcessQueue): Finding[] {
  const { journal, path } = queue.info;
  const type = journal === null ? undefined : mountOf(path)?.type;
  return type === "tmpfs" || type === "ramfs"
    ? [
        warn(
          check,
          `the journal ${path} is on a ${type}: it does not survive a reboot`,
          "a journal on a disk: create --journal FILE",
        ),
      ]
    : [];
}

function summary(queue: CrossProcessQueue, status: QueueStatus): string {
  const { messageCount, leased, participants, memoryBytes, segmentBytes } =
    status;
  const { journal, leaseMs, path } = queue.info;
  const where = journal === null ? "in memory" : `journal ${path}`;
  return `${where}, ${messageCount} waiting, ${leased} leased (${formatDuration(leaseMs)}), ${counted(participants.length, "participant")}, ${formatSizeShort(memoryBytes)} of at most ${formatSizeShort(segmentBytes)}`;
}

/**
 * What is to be said about one queue.
 *
 * @throws {QueueNotFoundError} when there is none
 */
export async function checkQueue(name: string): Promise<Finding[]> {
  const check = `queue ${name}`;
  if (name.startsWith(selfTestPrefix))
    return [
      warn(
        check,
        "left behind by a doctor that was killed, unless one is at work",
        `${worker} rm ${name}`,
      ),
    ];
  try {
    const unopened = unopenedJournal(check, name);
    if (unopened !== undefined) return [unopened];
    using queue = await openQueue(name, { observe: true });
    const status = queue.status();
    const findings = [
      ...checkParticipants(check, queue.info, status.participants),
      ...checkContent(check, name, queue, status),
      ...journalFinding(check, queue),
    ];
    return [ok(check, summary(queue, status)), ...findings];
  } catch (error) {
    if (error instanceof QueueNotFoundError) throw error;
    return [unopenable(check, name, error)];
  }
}

/** Where queues live: names, files, and what is there. */
import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { AccessFailedError } from "./errors.ts";

/** A queue's name, taken apart. */
export interface QueuePlace {
  /** As given. */
  readonly name: string;
  /** File that holds the segment. */
  readonly path: string;
  /** `memory` is gone after a reboot; `file` has a journal. */
  readonly kind: "memory" | "file";
}

/** A queue found in the shared-memory directory. */
export interface QueueListing {
  readonly name: string;
  readonly path: string;
  /** Apparent size in bytes. */
  readonly segmentBytes: number;
  /** Bytes really allocated. */
  readonly memoryBytes: number;
  /** Wall clock in milliseconds of the last change of its file. */
  readonly modifiedMs: number;
}

const filePrefix = "file:";
const segmentPrefix = "ringwire.";
/** Private queues that replies arrive on; no business of anybody else. */
export const replyQueuePrefix = "reply-";
const nameBytesMax = 200;
const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
/** Includes the directory; the shim refuses longer ones. */
const pathBytesMax = 4000;

/** The directory of plain names: `RINGWIRE_SHM_DIR`, else /dev/shm. */
export function sharedMemoryDirectory(): string {
  const given = process.env.RINGWIRE_SHM_DIR;
  return given === undefined || given === "" ? "/dev/shm" : resolve(given);
}

/**
 * Takes a queue's name apart.
 *
 * @param name 1 to 200 characters of A-Z a-z 0-9 . _ - that do not begin with a dot, or `file:PATH`
 * @throws {TypeError} for anything else
 */
export function parsePlace(name: string): QueuePlace {
  if (typeof name !== "string")
    throw new TypeError(`queue name: given ${typeof name}, allowed a string`);
  if (name.startsWith(filePrefix)) {
    const path = name.slice(filePrefix.length);
    if (
      path === "" ||
      path.includes("\0") ||
      path.endsWith("/") ||
      path.length > pathBytesMax
    ) {
      throw new TypeError(
        `queue name: given ${JSON.stringify(name.slice(0, 300))}, allowed file:PATH with the path of a file`,
      );
    }
    return { name, path: resolve(path), kind: "file" };
  }
  if (name.length > nameBytesMax || !namePattern.test(name)) {
    throw new TypeError(
      `queue name: given ${JSON.stringify(name.slice(0, 300))}, allowed 1 to ${nameBytesMax} characters of A-Z a-z 0-9 . _ - not beginning with a dot, or file:PATH`,
    );
  }
  return {
    name,
    path: `${sharedMemoryDirectory()}/${segmentPrefix}${name}`,
    kind: "memory",
  };
}

/** Names of our own segments in the shared-memory directory that `keep` accepts. */
function listSegments(keep: (name: string) => boolean): QueueListing[] {
  const directory = sharedMemoryDirectory();
  const uid = process.getuid?.();
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch (cause) {
    throw new AccessFailedError(`${directory} cannot be listed`, { cause });
  }
  const listings: QueueListing[] = [];
  for (const entry of entries) {
    const name = entry.name.slice(segmentPrefix.length);
    if (
      !entry.name.startsWith(segmentPrefix) ||
      !entry.isFile() ||
      !namePattern.test(name) ||
      !keep(name)
    )
      continue;
    const path = `${directory}/${entry.name}`;
    let found: Stats;
    try {
      found = statSync(path);
    } catch {
      continue; // Destroyed meanwhile.
    }
    if (uid !== undefined && found.uid !== uid) continue;
    listings.push({
      name,
      path,
      segmentBytes: found.size,
      memoryBytes: found.blocks * 512,
      modifiedMs: found.mtimeMs,
    });
  }
  return listings.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The shared-memory queues of this user, by name. Private reply queues are left out, and so are `file:` queues, which
 * may lie anywhere.
 *
 * @throws {AccessFailedError} when the directory cannot be read
 */
export function listQueues(): QueueListing[] {
  return listSegments((name) => !name.startsWith(replyQueuePrefix));
}

/** The private reply queues of this user, also those that a killed requester left behind. */
export function listReplyQueues(): QueueListing[] {
  return listSegments((name) => name.startsWith(replyQueuePrefix));
}

/** Making, opening and removing queues. */
import { randomUUID } from "node:crypto";
import { unlinkSync } from "node:fs";
import process from "node:process";
import { IO, PARAMS, STATUS } from "../../ffi/shm/layout.ts";
import { openShim } from "../../ffi/shm/symbols.ts";
import {
  QueueClosedError,
  QueueCorruptError,
  QueueExistsError,
  QueueNotFoundError,
  VersionMismatchError,
} from "./errors.ts";
import { ERRNO, failureDetail, failureOf } from "./failure.ts";
import { pathBytes, QueueHandle, rulesOf } from "./handle.ts";
import { readLifecycle } from "./inspection.ts";
import {
  checkConnectOptions,
  checkCreateOptions,
  LIMITS,
} from "./option_checks.ts";
import type {
  ConnectOptions,
  CreateOptions,
  HandleOptions,
} from "./options.ts";
import {
  listReplyQueues,
  parsePlace,
  type QueuePlace,
  replyQueuePrefix,
} from "./place.ts";
import { plainRules } from "./record.ts";

/** `RWQ_SWEEP_DEATHS`. */
const SWEEP_DEATHS = 1;
const encoder = new TextEncoder();
const journalCodes = { process: 1, interval: 2, sync: 3 } as const;
const journalIntervalMsDefault = 100;
/** What a private reply queue holds. */
const replyQueue = {
  maxMessages: 16_384,
  maxHeadersSize: 256,
  maxParticipants: 256,
  leaseMs: 30_000,
} as const;

/** The program's name, unless the caller has a better name. */
function participantNameOf(
  options: HandleOptions<never> | HandleOptions,
): string {
  if (options.participantName !== undefined) return options.participantName;
  let text = `${process.title}`.split("/").at(-1) ?? "";
  while (encoder.encode(text).byteLength > LIMITS.participantNameBytesMax)
    text = text.slice(0, -1);
  return text;
}

function encodeParams<T>(
  options: CreateOptions<T>,
  place: QueuePlace,
): Uint8Array {
  const words = new Uint32Array(PARAMS.bytes / 4);
  words[PARAMS.maxMessagesU32] = options.maxMessages ?? 0;
  words[PARAMS.maxBodyU32] = options.maxMessageSize ?? 0;
  // Zero means the default to the shim.
  words[PARAMS.maxHeadersU32] =
    options.maxHeadersSize === 0
      ? PARAMS.noHeaders
      : (options.maxHeadersSize ?? 0);
  words[PARAMS.maxParticipantsU32] = options.maxParticipants ?? 0;
  words[PARAMS.maxDeadU32] = options.maxDead ?? 0;
  words[PARAMS.maxDeliverU32] = options.maxDeliver ?? 0;
  words[PARAMS.leaseMsU32] = options.leaseMs ?? 0;
  words[PARAMS.modeU32] = options.mode ?? 0;
  if (place.kind === "file") {
    words[PARAMS.journalU32] = journalCodes[options.journal?.sync ?? "process"];
    words[PARAMS.intervalMsU32] =
      options.journal?.intervalMs ?? journalIntervalMsDefault;
  }
  return new Uint8Array(words.buffer);
}

function createSegment<T>(place: QueuePlace, options: CreateOptions<T>): void {
  const shim = openShim();
  const result = shim.rwq_create(
    pathBytes(place.path),
    encodeParams(options, place),
    PARAMS.replaceClosed,
  );
  if (result < 0)
    throw failureOf(result, "create", place.name, failureDetail(shim));
}

function openSegment<T>(
  place: QueuePlace,
  options: ConnectOptions<T>,
): QueueHandle {
  return QueueHandle.open({
    place,
    participantName: participantNameOf(options),
    stagingBytes: options.stagingBytes ?? 0,
    observe: options.observe ?? false,
    shared: options.shared ?? false,
    exclusive: options.exclusive,
    rules: rulesOf(options),
  });
}

/** An existing queue in place of a new one, where the options allow it. */
function joinExisting<T>(
  handle: QueueHandle,
  options: CreateOptions<T>,
): QueueHandle {
  try {
    if (
      options.reopen === true &&
      readLifecycle(handle).lifecycle === "ended"
    ) {
      handle.checked(handle.shim.rwq_reopen(handle.address), "maintain");
      return handle;
    }
    if (options.ifExists === "connect") return handle;
    throw new QueueExistsError(
      `${handle.place.name}: the name is taken by a queue whose stream has not ended`,
      { queue: handle.place.name },
    );
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** Times that creating and connecting are tried in turn when others create and destroy the same name. */
const racesMax = 16;

/**
 * Makes a queue and opens it.
 *
 * @throws {QueueExistsError} when the name is taken, unless `ifExists` is "connect"
 * @throws {CreationFailedError} {NoSpaceError} {ConsumerExcludedError} {TypeError} {RangeError}
 */
export function createQueue<T>(
  name: string,
  given: CreateOptions<T>,
): QueueHandle {
  const place = parsePlace(name);
  const options = checkCreateOptions(given);
  if (options.journal !== undefined && place.kind === "memory") {
    throw new TypeError(
      `CrossProcessQueue.create: journal: given for ${JSON.stringify(name)}, allowed only for file:PATH`,
    );
  }
  const { participantName, schema, codec, stagingBytes, exclusive } = options;
  const shared = ((options.mode ?? 0o600) & 0o077) !== 0;
  const connect: ConnectOptions<T> = {
    participantName,
    schema,
    codec,
    stagingBytes,
    shared,
    exclusive,
  };
  for (let race = 0; ; race++) {
    try {
      createSegment(place, options);
      return openSegment(place, connect);
    } catch (error) {
      const mayExist =
        options.ifExists === "connect" || options.reopen === true;
      if (!mayExist || race >= racesMax) throw error;
      if (!(error instanceof QueueExistsError)) {
        if (
          error instanceof QueueNotFoundError ||
          error instanceof QueueClosedError
        )
          continue;
        throw error;
      }
    }
    try {
      return joinExisting(openSegment(place, connect), options);
    } catch (error) {
      // Destroyed between the two: create again.
      if (!(
        error instanceof QueueNotFoundError || error instanceof QueueClosedError
      ))
        throw error;
    }
  }
}

/** @throws {QueueNotFoundError} and other {AccessFailedError}s; {TooManyParticipantsError}; {ConsumerExcludedError}; {TypeError}; {RangeError} */
export function connectQueue<T>(
  name: string,
  given: ConnectOptions<T>,
): QueueHandle {
  const place = parsePlace(name);
  const options = checkConnectOptions(given);
  if (options.observe === true && options.exclusive === true)
    throw new TypeError(
      "CrossProcessQueue.connect: exclusive: given with observe, allowed only for a handle that takes messages",
    );
  return openSegment(place, options);
}

/** Removes a queue by name; open handles answer `QueueClosedError`. False when there is none. */
export function destroyQueue(name: string): boolean {
  const place = parsePlace(name);
  let handle: QueueHandle;
  try {
    handle = QueueHandle.open({
      place,
      participantName: "",
      stagingBytes: 0,
      observe: true,
      shared: true,
      rules: plainRules,
    });
  } catch (error) {
    if (
      error instanceof QueueNotFoundError ||
      error instanceof QueueClosedError
    )
      return false;
    if (!(
      error instanceof QueueCorruptError ||
      error instanceof VersionMismatchError
    ))
      throw error;
    // Nobody can use it; what is left of it is a file.
    unlinkSync(place.path);
    return true;
  }
  try {
    return destroyOpen(handle);
  } finally {
    handle.close();
  }
}

/** Marks an open queue as destroyed and removes its name. False when it was destroyed before. */
export function destroyOpen(handle: QueueHandle): boolean {
  const result = handle.shim.rwq_destroy(handle.address);
  if (result === -ERRNO.ESHUTDOWN) return false;
  handle.checked(result, "destroy");
  return true;
}

/** A private queue for the replies to one handle's requests. */
export function createReplyQueue(bodyBytesMax: number): QueueHandle {
  for (;;) {
    const place = parsePlace(
      `${replyQueuePrefix}${randomUUID().replaceAll("-", "").slice(0, 20)}`,
    );
    try {
      createSegment(place, { ...replyQueue, maxMessageSize: bodyBytesMax });
    } catch (error) {
      if (error instanceof QueueExistsError) continue;
      throw error;
    }
    return openSegment(place, { participantName: "replies" });
  }
}

/** A reply queue younger than this may be one that is being made. */
const abandonedAfterMs = 60_000;

/** Removes reply queues whose requester was killed before it could. */
export function removeAbandonedReplyQueues(): void {
  for (const { name, modifiedMs } of listReplyQueues()) {
    if (Date.now() - modifiedMs < abandonedAfterMs) continue;
    try {
      removeIfAbandoned(name);
    } catch {
      // Somebody else is at it, or it is not ours to judge.
    }
  }
}

function removeIfAbandoned(name: string): void {
  // As a participant, since only those find out who is dead.
  const handle = connectQueue(name, { participantName: "cleaner" });
  try {
    handle.shim.rwq_sweep(handle.address, SWEEP_DEATHS);
    handle.checked(handle.shim.rwq_status(handle.address), "inspect");
    const others =
      (handle.f64[IO.stagingByte / 8 + STATUS.participantsF64] ?? 0) - 1;
    if (others <= 0) destroyOpen(handle);
  } finally {
    handle.close();
  }
}

/** Streams of frames by chance, and a receiver that reads all of them as a server would. */
import {
  compressPayload,
  decodeHeaders,
  decompressPayload,
  encodeHeaders,
  type Frame,
  FrameDecoder,
  FrameFlag,
  FrameKind,
  FragmentWriter,
  frameToBytes,
  isDataKind,
  type MessageHeaders,
  PayloadCodecs,
  Reassembler,
  WirePayloadError,
  type WireLimits,
} from "../../src/wire/mod.ts";
import { patternBytes } from "./byte_pattern.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { joinBytes, toHex } from "./wire_frames.ts";
import { readBody, vectors, writeBody } from "./wire_vectors.ts";

const codecs = new PayloadCodecs();

/** Reads everything in a stream, and keeps a line for each message and control frame. */
export class WholeReceiver {
  readonly lines: string[] = [];
  readonly reassembler: Reassembler;
  readonly decoder: FrameDecoder;
  readonly #limits: WireLimits;

  constructor(limits: WireLimits) {
    this.#limits = limits;
    this.reassembler = new Reassembler(limits);
    this.decoder = new FrameDecoder(
      { frame: (frame) => this.#frame(frame) },
      limits,
    );
  }

  #frame(frame: Frame): void {
    if ((frame.flags & (FrameFlag.More | FrameFlag.Continued)) !== 0) {
      const message = this.reassembler.add(frame);
      if (message === undefined) return;
      this.#message(
        frame.kind,
        message.flags,
        message.headers,
        message.payload,
      );
      return;
    }
    this.#message(frame.kind, frame.flags, frame.headers(), frame.payload());
  }

  #message(
    kind: number,
    flags: number,
    block: Uint8Array,
    sent: Uint8Array,
  ): void {
    const headers = decodeHeaders(block, this.#limits);
    const body = readBody(kind, sent);
    const payload =
      (flags & FrameFlag.Compressed) === 0
        ? sent
        : decompressPayload(sent, this.#limits);
    if (payload.length > this.#limits.maxMessageBytes)
      throw new Error(`a payload of ${payload.length} bytes`);
    if (isDataKind(kind) && headers.contentType === "application/json")
      this.#json(payload);
    this.lines.push(
      JSON.stringify([
        kind,
        headers,
        body ?? toHex(payload.subarray(0, 40)),
        payload.length,
      ]),
    );
  }

  /** Broken JSON concerns its message only. */
  #json(payload: Uint8Array): void {
    try {
      codecs.of("application/json").decode(payload);
    } catch (error) {
      if (!(error instanceof WirePayloadError)) throw error;
    }
  }
}

function randomHeaders(random: SeededRandom): MessageHeaders {
  const headers: Record<string, unknown> = {};
  if (random.oneIn(2)) headers.deadlineMs = random.below(100_000);
  if (random.oneIn(2)) headers.contentType = "application/json";
  if (random.oneIn(3)) headers.subject = `s${random.below(1000)}`;
  if (random.oneIn(3))
    headers.user = { [`u${random.below(9)}`]: "ü".repeat(random.below(20)) };
  if (random.oneIn(4))
    headers.loadReport = {
      loadPermille: random.below(1000),
      activeRequests: random.below(10),
      waitingRequests: random.below(10),
    };
  return headers;
}

/** Takes frames of several messages by turns, each message in its order. */
function interleave(
  random: SeededRandom,
  messages: readonly (readonly Uint8Array[])[],
): Uint8Array[] {
  const left = messages.map((frames) => [...frames]);
  const stream: Uint8Array[] = [];
  while (left.length > 0) {
    const at = random.below(left.length);
    const frames = left[at];
    const frame = frames?.shift();
    if (frame !== undefined) stream.push(frame);
    if (frames === undefined || frames.length === 0) left.splice(at, 1);
  }
  return stream;
}

function framesOf(
  random: SeededRandom,
  id: number,
  limits: WireLimits,
): Uint8Array[] {
  if (random.oneIn(4)) {
    const { kind, body } =
      vectors.frames[random.below(vectors.frames.length)] ?? {};
    if (kind !== undefined && body !== undefined)
      return [frameToBytes({ kind, id, payload: writeBody(kind, body) })];
  }
  const payload = random.oneIn(3)
    ? new Uint8Array(random.below(6000)).fill(random.below(256))
    : patternBytes(random.below(random.oneIn(5) ? 9000 : 200), id);
  const compressed = random.oneIn(2)
    ? compressPayload(random.oneIn(2) ? 1 : 2, payload)
    : undefined;
  const writer = new FragmentWriter(
    {
      kind:
        [FrameKind.Message, FrameKind.Request, FrameKind.Response][
          random.below(3)
        ] ?? FrameKind.Message,
      flags: compressed === undefined ? 0 : FrameFlag.Compressed,
      priority: random.below(3),
      id,
      tagHigh: random.below(2 ** 32),
      tagLow: random.below(2 ** 32),
      headers: encodeHeaders(random.oneIn(2) ? randomHeaders(random) : {}),
      payload: compressed ?? payload,
    },
    limits.maxFragmentBytes,
  );
  const frames: Uint8Array[] = [];
  while (!writer.done) {
    const frame = new Uint8Array(writer.nextBytes);
    writer.write(frame, 0);
    frames.push(frame);
  }
  return frames;
}

/** A stream that is right in everything, with fragments of several messages by turns. */
export function randomStream(
  random: SeededRandom,
  limits: WireLimits,
): Uint8Array {
  const messages = Array.from({ length: 1 + random.below(10) }, (_, index) =>
    framesOf(random, index + 1, limits),
  );
  return joinBytes(...interleave(random, messages));
}

/** Bytes with some of them changed, taken out, put in or doubled. */
export function mutate(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  let mutant = bytes.slice();
  const interesting = [0, 1, 2, 4, 0x7f, 0x80, 0xff];
  for (
    let count = 1 + random.below(4);
    count > 0 && mutant.length > 0;
    count--
  ) {
    const at = random.below(mutant.length);
    const length = 1 + random.below(Math.min(40, mutant.length - at));
    switch (random.below(5)) {
      case 0:
        mutant[at] = interesting[random.below(interesting.length)] ?? 0;
        break;
      case 1:
        mutant[at] = (mutant[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        mutant = joinBytes(
          mutant.subarray(0, at),
          mutant.subarray(at + length),
        );
        break;
      case 3:
        mutant = joinBytes(
          mutant.subarray(0, at + length),
          mutant.subarray(at),
        );
        break;
      default:
        mutant = mutant.slice(0, at);
    }
  }
  return mutant;
}

/** Feeds bytes in chunks of random lengths, now and then empty ones. */
export function feed(
  random: SeededRandom,
  decoder: FrameDecoder,
  bytes: Uint8Array,
  after: () => void = () => undefined,
): void {
  const longest = random.oneIn(3) ? 30 : 5000;
  let at = 0;
  while (at < bytes.length) {
    const end = at + random.below(longest);
    // In memory of its own, at an odd place: nothing may look beyond.
    const chunk = new Uint8Array(end - at + 9).fill(0xee).subarray(5, -4);
    chunk.set(bytes.subarray(at, end));
    const here = chunk.subarray(0, Math.min(end, bytes.length) - at);
    decoder.push(here);
    after();
    at = Math.min(end, bytes.length);
  }
}

/**
 * What two workers say to each other beside the user's messages, as the header of an active message. Little-endian.
 *
 * Common: kind u8, version u8, features u16, receiver's id of the connection u32 (0 in a hello, which nobody has an id
 * for yet). In hello and welcome the sender's id u32 follows. So much is the same in all versions: it is enough to tell
 * the other side that it is not understood.
 */

/** Version of everything in this file. */
export const controlVersion = 1;
/** The active message that carries it: UCX keeps a table as long as the largest id. */
export const controlMessageId = 21;

/** First byte of a control message. */
export const controlKinds = {
  hello: 1,
  welcome: 2,
  goodbye: 3,
  credit: 4,
  starved: 5,
  refusal: 6,
  farewell: 7,
  ping: 8,
  pong: 9,
  redirect: 10,
} as const;

const commonBytes = 8;
const greetingBytes = 40;
/** No name and no address comes near. */
const controlBytesMax = 2048;
const nameBytesMax = 64;
const reasonBytesMax = 256;

/** Hello and welcome: who speaks, and what the other may send. */
export interface Greeting {
  readonly kind: "hello" | "welcome";
  /** Features that the sender's worker has, as in `ucp_params_t`. */
  readonly features: number;
  /** What the other calls this connection; 0 when it is not known. */
  readonly receiverId: number;
  /** What the sender calls it: to be put into the tags of messages to it. */
  readonly senderId: number;
  /** A random number that the sender's worker is known by. */
  readonly workerId: number;
  /** Messages that may be sent before more are granted. */
  readonly credits: number;
  /** Bytes of stream that may be sent before more are granted. */
  readonly streamCredits: number;
  /** Bytes of the sender's longest message it wants; 0 for no limit. */
  readonly messageBytesMax: number;
  /** For people. */
  readonly name: string;
  /** The sender's worker address, when it connected by address and the other must connect back. */
  readonly address: Uint8Array;
}

/**
 * Goodbye: the sender will send no more, and wants to close. Farewell is the answer: what came before the goodbye has
 * arrived. The one who said goodbye says farewell too when all of its messages are received, and is gone then.
 */
export interface Goodbye {
  readonly kind: "goodbye" | "farewell";
  readonly receiverId: number;
  /** Tagged messages it has sent in all. */
  readonly messagesSent: number;
  /** Bytes of stream it has sent in all. */
  readonly streamBytesSent: number;
  /** Milliseconds that the sender waits at most before it cuts the connection off. */
  readonly patienceMs: number;
}

/** What may be sent, counted from the beginning, so that order and repetition do not matter. */
export interface Credit {
  readonly kind: "credit";
  readonly receiverId: number;
  readonly messagesGranted: number;
  readonly streamBytesGranted: number;
}

/** The sender has something to send and no credit. */
export interface Starved {
  readonly kind: "starved";
  readonly receiverId: number;
  readonly messagesSent: number;
  readonly streamBytesSent: number;
}

/** The hello was understood, but the connection is not wanted. */
export interface Refusal {
  readonly kind: "refusal";
  readonly receiverId: number;
  /** For people. */
  readonly reason: string;
}

/** Who listens does not serve: another worker does, which is to be connected to by its address. */
export interface Redirect {
  readonly kind: "redirect";
  readonly receiverId: number;
  readonly address: Uint8Array;
}

/** Ping asks for a pong with the same number: whoever answers is alive, and progresses. */
export interface Heartbeat {
  readonly kind: "ping" | "pong";
  readonly receiverId: number;
  readonly sequence: number;
}

/** Any of them. */
export type ControlMessage =
  Greeting | Goodbye | Credit | Starved | Refusal | Redirect | Heartbeat;

function begin(
  kind: keyof typeof controlKinds,
  receiverId: number,
  sizeBytes: number,
  features = 0,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly view: DataView } {
  const bytes = new Uint8Array(new ArrayBuffer(sizeBytes));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, controlKinds[kind]);
  view.setUint8(1, controlVersion);
  view.setUint16(2, features, true);
  view.setUint32(4, receiverId, true);
  return { bytes, view };
}

/** Cuts a text to a number of bytes. */
function textBytes(text: string, bytesMax: number): Uint8Array {
  const bytes = new Uint8Array(bytesMax);
  return bytes.subarray(0, new TextEncoder().encodeInto(text, bytes).written);
}

/** The bytes of a control message. */
export function encodeControl(
  message: ControlMessage,
): Uint8Array<ArrayBuffer> {
  switch (message.kind) {
    case "hello":
    case "welcome": {
      const name = textBytes(message.name, nameBytesMax);
      const { bytes, view } = begin(
        message.kind,
        message.receiverId,
        greetingBytes + name.length + message.address.length,
        message.features,
      );
      view.setUint32(8, message.senderId, true);
      view.setUint32(12, message.credits, true);
      view.setFloat64(16, message.messageBytesMax, true);
      view.setUint32(24, message.streamCredits, true);
      view.setUint16(28, name.length, true);
      view.setUint16(30, message.address.length, true);
      view.setFloat64(32, message.workerId, true);
      bytes.set(name, greetingBytes);
      bytes.set(message.address, greetingBytes + name.length);
      return bytes;
    }
    case "goodbye":
    case "farewell":
      return encodeNumbers(message.kind, message.receiverId, [
        message.messagesSent,
        message.streamBytesSent,
        message.patienceMs,
      ]);
    case "starved":
      return encodeNumbers("starved", message.receiverId, [
        message.messagesSent,
        message.streamBytesSent,
      ]);
    case "credit":
      return encodeNumbers("credit", message.receiverId, [
        message.messagesGranted,
        message.streamBytesGranted,
      ]);
    case "ping":
    case "pong":
      return encodeNumbers(message.kind, message.receiverId, [
        message.sequence,
      ]);
    case "redirect": {
      const { bytes } = begin(
        "redirect",
        message.receiverId,
        commonBytes + message.address.length,
      );
      bytes.set(message.address, commonBytes);
      return bytes;
    }
    case "refusal": {
      const reason = textBytes(message.reason, reasonBytesMax);
      const { bytes } = begin(
        "refusal",
        message.receiverId,
        commonBytes + reason.length,
      );
      bytes.set(reason, commonBytes);
      return bytes;
    }
  }
}

function encodeNumbers(
  kind: keyof typeof controlKinds,
  receiverId: number,
  numbers: readonly number[],
): Uint8Array<ArrayBuffer> {
  const { bytes, view } = begin(
    kind,
    receiverId,
    commonBytes + 8 * numbers.length,
  );
  for (const [index, number] of numbers.entries())
    view.setFloat64(commonBytes + 8 * index, number, true);
  return bytes;
}

/** A count of the other side: what is no count is damage. */
function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** What every version can tell of a control message, since the first bytes stay what they are. */
export interface ControlPrefix {
  readonly version: number;
  readonly receiverId: number;
  /** Of hello and welcome: the sender's id of the connection. */
  readonly senderId: number;
}

/** Reads what can be read of a message of another version; undefined when the bytes are none of ours. */
export function controlPrefixOf(bytes: Uint8Array): ControlPrefix | undefined {
  if (bytes.length < commonBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    version: view.getUint8(1),
    receiverId: view.getUint32(4, true),
    senderId: bytes.length >= 12 ? view.getUint32(8, true) : 0,
  };
}

/** Reads a control message; undefined when the bytes are not one of this version. */
export function decodeControl(bytes: Uint8Array): ControlMessage | undefined {
  if (bytes.length < commonBytes || bytes.length > controlBytesMax)
    return undefined;
  if (bytes[1] !== controlVersion) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const receiverId = view.getUint32(4, true);
  switch (bytes[0]) {
    case controlKinds.hello:
      return decodeGreeting("hello", receiverId, bytes, view);
    case controlKinds.welcome:
      return decodeGreeting("welcome", receiverId, bytes, view);
    case controlKinds.refusal:
      return {
        kind: "refusal",
        receiverId,
        reason: new TextDecoder().decode(bytes.subarray(commonBytes)),
      };
    case controlKinds.redirect:
      return bytes.length > commonBytes
        ? { kind: "redirect", receiverId, address: bytes.slice(commonBytes) }
        : undefined;
    case controlKinds.goodbye:
      return decodeGoodbye("goodbye", receiverId, view);
    case controlKinds.farewell:
      return decodeGoodbye("farewell", receiverId, view);
    case controlKinds.starved: {
      const [messagesSent, streamBytesSent] = decodeNumbers(view, 2);
      return messagesSent === undefined || streamBytesSent === undefined
        ? undefined
        : { kind: "starved", receiverId, messagesSent, streamBytesSent };
    }
    case controlKinds.credit: {
      const [messagesGranted, streamBytesGranted] = decodeNumbers(view, 2);
      return messagesGranted === undefined || streamBytesGranted === undefined
        ? undefined
        : { kind: "credit", receiverId, messagesGranted, streamBytesGranted };
    }
    case controlKinds.ping:
      return decodeHeartbeat("ping", receiverId, view);
    case controlKinds.pong:
      return decodeHeartbeat("pong", receiverId, view);
    default:
      return undefined;
  }
}

/** The counts behind the common part; none when there are more or fewer, or one is no count. */
function decodeNumbers(view: DataView, count: number): readonly number[] {
  if (view.byteLength !== commonBytes + 8 * count) return [];
  const numbers = Array.from({ length: count }, (_, index) =>
    view.getFloat64(commonBytes + 8 * index, true),
  );
  return numbers.every(isCount) ? numbers : [];
}

function decodeHeartbeat(
  kind: Heartbeat["kind"],
  receiverId: number,
  view: DataView,
): Heartbeat | undefined {
  const [sequence] = decodeNumbers(view, 1);
  return sequence === undefined ? undefined : { kind, receiverId, sequence };
}

function decodeGoodbye(
  kind: Goodbye["kind"],
  receiverId: number,
  view: DataView,
): Goodbye | undefined {
  const [messagesSent, streamBytesSent, patienceMs] = decodeNumbers(view, 3);
  return messagesSent === undefined ||
    streamBytesSent === undefined ||
    patienceMs === undefined
    ? undefined
    : { kind, receiverId, messagesSent, streamBytesSent, patienceMs };
}

function decodeGreeting(
  kind: "hello" | "welcome",
  receiverId: number,
  bytes: Uint8Array,
  view: DataView,
): Greeting | undefined {
  if (bytes.length < greetingBytes) return undefined;
  const nameBytes = view.getUint16(28, true);
  const addressBytes = view.getUint16(30, true);
  const messageBytesMax = view.getFloat64(16, true);
  const workerId = view.getFloat64(32, true);
  if (bytes.length !== greetingBytes + nameBytes + addressBytes)
    return undefined;
  if (nameBytes > nameBytesMax) return undefined;
  if (!isCount(messageBytesMax) || !isCount(workerId)) return undefined;
  return {
    kind,
    features: view.getUint16(2, true),
    receiverId,
    senderId: view.getUint32(8, true),
    workerId,
    credits: view.getUint32(12, true),
    streamCredits: view.getUint32(24, true),
    messageBytesMax,
    name: new TextDecoder().decode(
      bytes.subarray(greetingBytes, greetingBytes + nameBytes),
    ),
    address: bytes.slice(greetingBytes + nameBytes),
  };
}

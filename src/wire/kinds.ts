/** What a frame can be, and what its flags say. The numbers are on the wire: none is ever used again for something else. */

/** Kinds of frames, as their number on the wire. */
export const FrameKind = {
  /** A message that nobody answers. */
  Message: 1,
  /** A message that is answered by one response or error with the same id. */
  Request: 2,
  /** The answer to a request. */
  Response: 3,
  /** The answer to a request that failed. */
  Error: 4,
  /** The answer to a request is not wanted any more. */
  Cancel: 5,
  /** To be answered by a pong with the same id, tag and payload. */
  Ping: 6,
  /** The answer to a ping. */
  Pong: 7,
  /** The first frame of each side. */
  Hello: 8,
  /** The sender of this frame wants the connection to end, and says why. */
  Goodbye: 9,
  /** How much more the other side may send. */
  Credit: 10,
  /** The sender of this frame sends no data frame after it. */
  Fin: 11,
} as const;
/** The number of a kind of frame. */
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** Bits of the byte of flags. */
export const FrameFlag = {
  /** A headers block lies before the payload. */
  Headers: 0x01,
  /** Another fragment of this message follows. */
  More: 0x02,
  /** Not the first fragment of its message. */
  Continued: 0x04,
  /** The payload of the whole message is compressed. Only on its first frame. */
  Compressed: 0x08,
} as const;

/** Priorities on the wire; what is more urgent has the greater number. */
export const FramePriority = { Low: 0, Normal: 1, High: 2 } as const;
/** The number of a priority. */
export type FramePriority = (typeof FramePriority)[keyof typeof FramePriority];

/** The greatest number of a priority. */
export const priorityMax = FramePriority.High;

const message =
  FrameFlag.Headers |
  FrameFlag.More |
  FrameFlag.Continued |
  FrameFlag.Compressed;

/** The flags that each kind may have, by its number; undefined for numbers that are no kind. */
const flagsAllowed: readonly (number | undefined)[] = [
  undefined,
  message,
  message,
  message,
  FrameFlag.Headers,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
];

/** The flags that a kind may have, or undefined when there is no such kind. */
export function flagsOfKind(kind: number): number | undefined {
  return flagsAllowed[kind];
}

/** Whether frames of this kind are data frames: they cost credit, and their messages have sequences. */
export function isDataKind(kind: number): boolean {
  return kind >= FrameKind.Message && kind <= FrameKind.Error;
}

/** The name of a kind in small letters, or its number when there is no such kind. */
export function nameOfKind(kind: number): string {
  for (const [name, value] of Object.entries(FrameKind))
    if (value === kind) return name.toLowerCase();
  return String(kind);
}

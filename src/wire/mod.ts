/** The protocol between clients and servers, as bytes: no sockets, no timers. docs/protocol.md describes it for other languages. */
export { CloseCode, mayConnectAgain } from "./close_codes.ts";
export * from "./errors.ts";
export {
  type Frame,
  frameHeaderBytes,
  frameIdMax,
  isFirstOfSeveral,
} from "./frame.ts";
export { FrameDecoder, type FrameHandler } from "./frame_decoder.ts";
export {
  encodeFrame,
  frameSizeBytes,
  frameToBytes,
  type OutgoingFrame,
  splitTag,
  writeFrameHeader,
  writePlainFrame,
} from "./frame_encoder.ts";
export {
  FrameFlag,
  FrameKind,
  FramePriority,
  isDataKind,
  nameOfKind,
} from "./kinds.ts";
export {
  protocolVersion,
  type WireLimits,
  wireLimitBounds,
  wireLimits,
  wireLimitsDefault,
} from "./limits.ts";

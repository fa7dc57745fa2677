/** Why a connection ends, as a number in the goodbye frame. Those below 3000 are WebSocket's own (RFC 6455, section 7.4), with their meaning. */

/** Reasons of a goodbye. Over WebSocket the connection is closed with the same number. */
export const CloseCode = {
  /** All is done. */
  Normal: 1000,
  /** The server stops or the client goes away; a server may name another one. */
  GoingAway: 1001,
  /** Bytes that the protocol does not allow. */
  ProtocolError: 1002,
  /** A kind, a flag, a codec or a compression that this side does not have. */
  Unsupported: 1003,
  /** A payload that is not what its headers say: text that is no UTF-8, broken JSON, broken compression. */
  InvalidPayload: 1007,
  /** Not allowed here. */
  PolicyViolation: 1008,
  /** Larger than what this side has announced. */
  TooLarge: 1009,
  /** A fault on this side. */
  InternalError: 1011,
  /** The server starts anew: connect again. */
  ServiceRestart: 1012,
  /** Too much to do: connect again later. */
  TryAgainLater: 1013,
  /** The two sides have no version of the protocol in common. */
  VersionUnsupported: 4001,
  /** The credentials are missing or wrong. */
  Unauthorized: 4002,
  /** No hello, or no answer to it, within the time for it. */
  HelloTimeout: 4003,
  /** Nothing was heard for too long. */
  HeartbeatTimeout: 4004,
  /** More was sent than there was credit for. */
  CreditExceeded: 4005,
  /** The resume token is unknown or too old. */
  ResumeRefused: 4006,
  /** Another connection has taken the session over. */
  SessionReplaced: 4007,
  /** An operator has ended the session. */
  Kicked: 4008,
  /** The server has as many connections as it may have. */
  TooManyConnections: 4009,
  /** Nothing was sent or received for longer than the server allows. */
  Idle: 4010,
} as const;
/** The number of a reason. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

const retryable = new Set<number>([
  CloseCode.GoingAway,
  CloseCode.InternalError,
  CloseCode.ServiceRestart,
  CloseCode.TryAgainLater,
  CloseCode.HelloTimeout,
  CloseCode.HeartbeatTimeout,
  CloseCode.ResumeRefused,
  CloseCode.TooManyConnections,
]);

/** Whether a client may connect again after this reason, without being changed. Unknown reasons: no. */
export function mayConnectAgain(code: number): boolean {
  return retryable.has(code);
}

const draining = new Set<number>([
  CloseCode.Normal,
  CloseCode.GoingAway,
  CloseCode.ServiceRestart,
]);

/** Whether both sides still finish what is under way after a goodbye with this reason. */
export function endsInOrder(code: number): boolean {
  return draining.has(code);
}

import {
  ConnectionRefusedError,
  ConnectionResetError,
  HostUnreachableError,
  NameNotFoundError,
  TimedOutError,
  TlsCertificateError,
  TlsExpiredError,
  TlsHandshakeError,
  TlsUnknownAuthorityError,
  TooManyOpenFilesError,
  TransportError,
} from "../../../src/transport/errors.ts";
import {
  closeKindOf,
  toTransportError,
} from "../../../src/transport/system_errors.ts";
import { describe, expect, test } from "../../support/testing.ts";

const withCode = (code: string, message = "failed") =>
  Object.assign(new Error(message), { code });

describe("errors of systems and runtimes", () => {
  test("become one class for each condition, with the cause and the address", () => {
    for (const [cause, expected] of [
      [withCode("ECONNREFUSED"), ConnectionRefusedError],
      [withCode("EHOSTUNREACH"), HostUnreachableError],
      [withCode("EPIPE"), ConnectionResetError],
      [withCode("EMFILE"), TooManyOpenFilesError],
      [withCode("ETIMEDOUT"), TimedOutError],
      [withCode("CERT_HAS_EXPIRED"), TlsExpiredError],
      [withCode("SELF_SIGNED_CERT_IN_CHAIN"), TlsUnknownAuthorityError],
      [withCode("CERT_REVOKED"), TlsCertificateError],
      [
        withCode("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        TlsCertificateError,
      ],
      [withCode("ERR_SSL_WRONG_VERSION_NUMBER"), TlsHandshakeError],
      [
        new Error("failed to lookup address information: nobody"),
        NameNotFoundError,
      ],
    ] as const) {
      const error = toTransportError(cause, "connect", "tcp://h:1");
      expect(error.constructor).toBe(expected);
      expect(error.cause).toBe(cause);
      expect(error.address).toBe("tcp://h:1");
      expect(error.message).toContain("connect tcp://h:1: ");
    }
  });

  test("that nobody knows keep their words", () => {
    const error = toTransportError(withCode("EWEIRD", "odd"), "listen", "x://");
    expect(error.constructor).toBe(TransportError);
    expect(error.message).toBe("listen x://: odd");
    expect(error.systemCode).toBe("EWEIRD");
    expect(toTransportError(error, "connect", "y://")).toBe(error);
    expect(toTransportError("only words", "listen", "x://").message).toBe(
      "listen x://: only words",
    );
  });

  test("say how a connection ended", () => {
    const kind = (code: string) =>
      closeKindOf(toTransportError(withCode(code), "connection to", "x://"));
    expect(
      ["ECONNRESET", "EPIPE", "ETIMEDOUT", "ERR_SSL_BAD_RECORD", "EIO"].map(
        kind,
      ),
    ).toEqual(["reset", "reset", "timeout", "tls", "failed"]);
  });
});

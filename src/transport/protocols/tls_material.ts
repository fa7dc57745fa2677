/** Keys and certificates: read, and looked at before a runtime sees them, since the runtimes' own words say little. */
import {
  createPrivateKey,
  createPublicKey,
  X509Certificate,
} from "node:crypto";
import { readFile } from "node:fs/promises";
import { TlsMaterialError } from "../errors.ts";
import type {
  PeerCertificate,
  PemSource,
  TlsClientOptions,
  TlsServerOptions,
} from "../tls_options.ts";

/** PEM text, ready for a runtime. */
export interface TlsMaterial {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string[];
}

async function readPem(source: PemSource, what: string): Promise<string> {
  if (source instanceof Uint8Array) return new TextDecoder().decode(source);
  if (typeof source !== "string")
    throw new TypeError(
      `tls.${what}: given ${typeof source}, allowed PEM text, its bytes, or the path of a file`,
    );
  if (source.includes("-----BEGIN")) return source;
  try {
    return await readFile(source, "utf8");
  } catch (cause) {
    throw new TlsMaterialError(
      `tls.${what}: the file ${JSON.stringify(source)} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function parse<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new TlsMaterialError(
      `tls.${what}: not readable as PEM: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/**
 * Reads what options of TLS name.
 *
 * @throws {TlsMaterialError} when something cannot be read, or key and certificate do not belong together
 * @throws {TypeError} for something that is no source, or a certificate without its key
 */
export async function loadTlsMaterial(
  options: TlsServerOptions | TlsClientOptions,
): Promise<TlsMaterial> {
  const { cert, key, passphrase, ca } = options;
  if ((cert === undefined) !== (key === undefined))
    throw new TypeError("tls: cert and key are given together, or not at all");
  const authorities: string[] = [];
  for (const source of ca === undefined ? [] : Array.isArray(ca) ? ca : [ca]) {
    const pem = await readPem(source, "ca");
    parse("ca", () => new X509Certificate(pem));
    authorities.push(pem);
  }
  const trusted = ca === undefined ? {} : { ca: authorities };
  if (cert === undefined || key === undefined) return trusted;
  const certPem = await readPem(cert, "cert");
  const keyPem = await readPem(key, "key");
  const certificate = parse("cert", () => new X509Certificate(certPem));
  const own = parse("key", () =>
    createPrivateKey(
      passphrase === undefined ? keyPem : { key: keyPem, passphrase },
    ),
  );
  const spki = { type: "spki", format: "pem" } as const;
  if (createPublicKey(own).export(spki) !== certificate.publicKey.export(spki))
    throw new TlsMaterialError(
      "tls: the key does not belong to the certificate",
    );
  // Decrypted here, so that both runtimes take it.
  const plainKey =
    passphrase === undefined
      ? keyPem
      : String(own.export({ type: "pkcs8", format: "pem" }));
  return { ...trusted, cert: certPem, key: plainKey };
}

/** @returns undefined when there is none */
export function describeCertificate(
  der: Uint8Array | undefined,
): PeerCertificate | undefined {
  if (der === undefined || der.length === 0) return undefined;
  const certificate = new X509Certificate(der);
  const oneLine = (name: string) => name.split("\n").join(",");
  return {
    subject: oneLine(certificate.subject ?? ""),
    commonName: /^CN=(.*)$/m.exec(certificate.subject ?? "")?.[1],
    issuer: oneLine(certificate.issuer ?? ""),
    alternativeNames: (certificate.subjectAltName ?? "")
      .split(", ")
      .filter((name) => name !== ""),
    fingerprint256: certificate.fingerprint256,
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
  };
}

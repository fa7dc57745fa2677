/** What TLS is made of, the same for every protocol that runs over it. */

/** PEM text or bytes, or the path of a file that holds them. A string that contains `-----BEGIN` is PEM, any other is a path. */
export type PemSource = string | Uint8Array;

/** Versions of TLS that can be asked for. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** Who a side is. */
export interface TlsIdentityOptions {
  /** The certificate, followed by those between it and the authority. */
  readonly cert: PemSource;
  /** Its private key. */
  readonly key: PemSource;
  /** Of an encrypted key. Bun only. */
  readonly passphrase?: string;
}

/** TLS of a listener. */
export interface TlsServerOptions extends TlsIdentityOptions {
  /** Authorities of client certificates. Needed with `requestClientCertificate`. */
  readonly ca?: PemSource | readonly PemSource[];
  /**
   * Whether clients must show a certificate of one of `ca`; a client without one is refused in the handshake.
   * @default false
   */
  readonly requestClientCertificate?: boolean;
  /** Names of application protocols (ALPN), best first. */
  readonly alpnProtocols?: readonly string[];
  /** The lowest version that is spoken. @default "TLSv1.2" */
  readonly minimalVersion?: TlsVersion;
}

/** TLS of a connecting side. */
export interface TlsClientOptions extends Partial<TlsIdentityOptions> {
  /** Authorities that are trusted. @default those of the runtime */
  readonly ca?: PemSource | readonly PemSource[];
  /** The name that the peer's certificate must have. @default the host of the address */
  readonly serverName?: string;
  /** Names of application protocols (ALPN), best first. */
  readonly alpnProtocols?: readonly string[];
  /** The lowest version that is spoken. @default "TLSv1.2" */
  readonly minimalVersion?: TlsVersion;
}

/** A certificate that a peer has shown and that was verified. */
export interface PeerCertificate {
  /** Distinguished name, e.g. `"CN=client 1,O=Example"`. */
  readonly subject: string;
  /** The common name (CN) of the subject, if any. */
  readonly commonName: string | undefined;
  /** Distinguished name of the authority. */
  readonly issuer: string;
  /** Alternative names as `"DNS:localhost"`, `"IP Address:127.0.0.1"`. */
  readonly alternativeNames: readonly string[];
  /** SHA-256 of the certificate, hexadecimal with colons. */
  readonly fingerprint256: string;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/** What TLS came to on one connection. */
export interface TlsInfo {
  /** As `"TLSv1.3"`; undefined where the runtime does not tell. */
  readonly version: string | undefined;
  /** The application protocol that both speak (ALPN), if any. */
  readonly alpnProtocol: string | undefined;
  /** The name that the client asked for (SNI), if any. On a listener's side undefined where the runtime does not tell. */
  readonly serverName: string | undefined;
  /**
   * Who the peer is. On a listener's side only with `requestClientCertificate`;
   * on the connecting side undefined where the runtime does not tell (it was verified all the same).
   */
  readonly peerCertificate: PeerCertificate | undefined;
}

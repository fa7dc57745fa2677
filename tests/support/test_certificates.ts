/** Certificates for tests, made when they are asked for: an authority and what it signs, by openssl. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Paths of a certificate and its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const newKey = [
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:prime256v1",
  "-nodes",
];

function openssl(...words: readonly string[]): void {
  execFileSync("openssl", words, { stdio: "pipe" });
}

/** An authority of its own, in a directory of its own. */
export class TestAuthority {
  readonly #folder = mkdtempSync(join(tmpdir(), "rw-certificates-"));
  /** The path of its certificate. */
  readonly ca: string = join(this.#folder, "ca.pem");
  readonly #key = join(this.#folder, "ca.key");

  constructor() {
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-keyout",
      this.#key,
      "-out",
      this.ca,
      "-days",
      "30",
      "-subj",
      "/CN=Ringwire test authority",
    );
  }

  /**
   * Signs a certificate.
   *
   * @param names as `"DNS:localhost,IP:127.0.0.1"`
   * @param days how long it is valid from now; negative: not any more
   */
  issue(commonName: string, names: string, days = 30): CertificateFiles {
    const file = join(this.#folder, commonName.replaceAll(/\W/g, "_"));
    const key = `${file}.key`;
    const cert = `${file}.pem`;
    openssl(
      "req",
      ...newKey,
      "-keyout",
      key,
      "-out",
      `${file}.csr`,
      "-subj",
      `/CN=${commonName}`,
    );
    writeFileSync(
      `${file}.cnf`,
      `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`,
    );
    openssl(
      "x509",
      "-req",
      "-in",
      `${file}.csr`,
      "-CA",
      this.ca,
      "-CAkey",
      this.#key,
      "-CAcreateserial",
      "-out",
      cert,
      "-days",
      String(days),
      "-extfile",
      `${file}.cnf`,
    );
    return { cert, key };
  }

  /** A path in its directory. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

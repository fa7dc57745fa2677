/** What `doctor` looks at: what a server needs from this machine. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { descriptorLimit } from "../../src/base/descriptor_limit.ts";
import { connectionCapacity } from "../../src/transport/server/capacity.ts";
import { TransportServer } from "../../src/transport/server/server.ts";
import { broken, type Finding, ok, reasonOf, warn } from "../doctor/finding.ts";
import type { ServerPlan } from "./settings.ts";

/** A certificate that ends sooner wants attention. */
const expiryDaysFew = 14;
const dayMs = 86_400_000;
/** Connections that wait to be accepted; below, a burst of clients is refused by the kernel. */
const backlogFew = 1024;

/** Descriptors, and so connections. */
export function checkDescriptors(maxConnections: number | undefined): Finding {
  const check = "open files";
  const limit = descriptorLimit();
  const capacity = connectionCapacity(limit);
  const seen = `at most ${limit} for a process, which is enough for ${capacity} connections`;
  const fix = "ulimit -n 65536, or LimitNOFILE=65536 in the service's unit";
  if (maxConnections !== undefined && maxConnections > capacity)
    return broken(
      check,
      `${seen}; --max-connections is ${maxConnections}`,
      fix,
    );
  return capacity < 1000 ? warn(check, seen, fix) : ok(check, seen);
}

/** How many connections the kernel keeps until they are accepted. */
export function checkBacklog(): Finding {
  const check = "kernel: somaxconn";
  const path = "/proc/sys/net/core/somaxconn";
  try {
    const value = Number(readFileSync(path, "utf8"));
    return value < backlogFew
      ? warn(check, `${value}`, "sysctl net.core.somaxconn=4096")
      : ok(check, `${value}`);
  } catch (error) {
    return warn(check, reasonOf(error), "mount -t proc proc /proc");
  }
}

/** Whether the certificate is valid, and for how long. */
export function checkCertificate({ tls }: ServerPlan): Finding[] {
  if (tls === undefined) return [];
  const check = "certificate";
  try {
    const certificate = new X509Certificate(readFileSync(String(tls.cert)));
    const endMs = Date.parse(certificate.validTo);
    const seen = `${certificate.subject.replaceAll("\n", ", ")}, until ${certificate.validTo}`;
    const fix = "a new certificate for --tls-cert";
    if (Date.parse(certificate.validFrom) > Date.now())
      return [
        broken(check, `${seen}, not before ${certificate.validFrom}`, fix),
      ];
    if (endMs < Date.now()) return [broken(check, `${seen}: expired`, fix)];
    return [
      endMs - Date.now() < expiryDaysFew * dayMs
        ? warn(check, seen, fix)
        : ok(check, seen),
    ];
  } catch (error) {
    return [
      broken(check, reasonOf(error), "a file in PEM that can be read here"),
    ];
  }
}

/** Whether each address can be had: it is really taken, for a moment. */
export async function checkAddresses(plan: ServerPlan): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const url of plan.listen) {
    const check = `listen ${url}`;
    try {
      const builder = TransportServer.builder().withProtocol(url);
      if (plan.tls !== undefined) builder.withTls(plan.tls);
      await using server = await builder.build();
      findings.push(ok(check, `free: ${server.addresses.join(", ")}`));
    } catch (error) {
      const code =
        error instanceof Error && "code" in error ? error.code : undefined;
      findings.push(
        code === "AddressInUse"
          ? warn(
              check,
              `${reasonOf(error)}: fine if it is your server that runs`,
              "another --listen, or stop who has it",
            )
          : broken(check, reasonOf(error), "another --listen"),
      );
    }
  }
  return findings;
}

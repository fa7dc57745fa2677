/** Protocols by the scheme of their addresses. */
import type { ProtocolAdapter } from "./adapter.ts";
import { type Address, parseAddress, schemeOf } from "./address.ts";
import { SchemeTakenError, UnknownSchemeError } from "./errors.ts";

/** An address together with the protocol that speaks it. */
export interface Route {
  readonly adapter: ProtocolAdapter;
  readonly address: Address;
}

const schemePattern = /^[a-z][a-z0-9+.-]*$/;

/** Which protocol speaks which scheme. */
export class ProtocolRegistry {
  readonly #adapters = new Map<string, ProtocolAdapter>();
  /** To the scheme itself. */
  readonly #aliases = new Map<string, string>();

  /** @param adapters registered in this order */
  constructor(...adapters: readonly ProtocolAdapter[]) {
    for (const adapter of adapters) this.register(adapter);
  }

  /**
   * Adds a protocol under its schemes and aliases: all of them, or none when it throws.
   *
   * @throws {SchemeTakenError} when one of them is taken
   * @throws {TypeError} when one of them is no scheme, or an alias stands for none of its schemes
   */
  register(adapter: ProtocolAdapter): void {
    const aliases = Object.entries(adapter.aliases ?? {});
    const names = [...adapter.schemes, ...aliases.map(([alias]) => alias)];
    for (const [index, name] of names.entries()) {
      if (!schemePattern.test(name))
        throw new TypeError(
          `scheme: given ${JSON.stringify(name)}, allowed lower case letters, digits, "+", "-" and ".", a letter first`,
        );
      if (this.has(name) || names.indexOf(name) !== index)
        throw new SchemeTakenError(name);
    }
    for (const [alias, scheme] of aliases)
      if (!adapter.schemes.includes(scheme))
        throw new TypeError(
          `alias ${alias}: given ${JSON.stringify(scheme)}, allowed ${adapter.schemes.join(", ")}`,
        );
    for (const scheme of adapter.schemes) this.#adapters.set(scheme, adapter);
    for (const [alias, scheme] of aliases) this.#aliases.set(alias, scheme);
  }

  /** Whether a scheme or alias is registered. */
  has(scheme: string): boolean {
    return this.#adapters.has(scheme) || this.#aliases.has(scheme);
  }

  /** All schemes, then all aliases, in the order of registration. */
  get schemes(): readonly string[] {
    return [...this.#adapters.keys(), ...this.#aliases.keys()];
  }

  /**
   * Reads an address and finds its protocol.
   *
   * @throws {UnknownSchemeError} naming the known ones
   * @throws {InvalidAddressError} saying what was given and what is allowed
   * @throws {TypeError} when it is no string
   */
  resolve(given: string): Route {
    const written = schemeOf(given);
    const scheme = this.#aliases.get(written) ?? written;
    const adapter = this.#adapters.get(scheme);
    if (adapter === undefined)
      throw new UnknownSchemeError(written, this.schemes, { address: given });
    return {
      adapter,
      address: parseAddress(given, {
        scheme,
        form: adapter.addressForm,
        defaultPort: adapter.defaultPorts?.[scheme],
      }),
    };
  }
}

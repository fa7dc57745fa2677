/** Verbs that every executable has. Each is loaded when it is asked for. */
import type { VerbEntry } from "./command_line.ts";

/**
 * `config show`, `config schema` and `config check`.
 *
 * @param name the executable's
 * @param flagsExample one of its verbs with flags, for the examples
 */
export function configEntries(
  name: string,
  flagsExample: readonly [verb: string, flags: string],
): readonly VerbEntry[] {
  return [
    {
      name: "config show",
      summary: "print what holds for every option, and where it comes from",
      load: async () =>
        (await import("../configuration/config_verbs.ts")).configShow(
          name,
          flagsExample,
        ),
    },
    {
      name: "config schema",
      summary: "print the JSON Schema of configuration files",
      load: async () =>
        (await import("../configuration/config_verbs.ts")).configSchema(name),
    },
    {
      name: "config check",
      summary: "check a configuration file",
      load: async () =>
        (await import("../configuration/config_verbs.ts")).configCheck(name),
    },
  ];
}

/** `completion`. @param name the executable's */
export function completionEntry(name: string): VerbEntry {
  return {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: async () =>
      (await import("./completion_verb.ts")).completionVerb(name),
  };
}

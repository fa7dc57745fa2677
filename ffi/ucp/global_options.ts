/** Options that UCX has once for the process. It reads them when it is loaded; the environment may say otherwise by now. */
import { openLibrary, type SymbolTable } from "../host.ts";
import { UCS_CONFIG_PRINT } from "./constants.ts";
import { capturePrinted } from "./native_memory.ts";

const optionSymbols = {
  // void ucs_global_opts_print(FILE *stream, ucs_config_print_flags_t print_flags);
  ucs_global_opts_print: { parameters: ["handle", "u32"], result: "void" },
} as const satisfies SymbolTable;

/**
 * The values in force, by names without `UCX_`.
 *
 * @param path of libucp, which is linked to the library that has them
 * @throws {LibraryOpenError} when this build of UCX does not tell them
 */
export function readGlobalOptions(path: string): Map<string, string> {
  const { ucs_global_opts_print: print } = openLibrary(path, optionSymbols);
  const text = capturePrinted((stream) =>
    print(stream, UCS_CONFIG_PRINT.CONFIG),
  );
  const lines = [...text.matchAll(/^UCX_(\w+)=(.*)$/gm)];
  return new Map(lines.map(([, name = "", value = ""]) => [name, value]));
}

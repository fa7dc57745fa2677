/** The native library that this executable carries. */
import shimPath from "../../build/libringwire-shm.so" with { type: "file" };

/** Where it is: within the executable, or in build/ when run from the sources. */
export function embeddedShim(): string {
  return shimPath;
}

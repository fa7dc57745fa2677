/** Structures of mapped memory. */
import type { Handle } from "../host.ts";
import {
  UCP_MEM_ATTR_FIELD,
  UCP_MEM_MAP,
  UCP_MEM_MAP_PARAM_FIELD,
} from "./constants.ts";
import { ucpLayout } from "./layout.ts";
import { NativeStruct } from "./native_struct.ts";

/** What `ucp_mem_map` is told. */
export interface MemoryMapOptions {
  /** Memory to register: a view, which must live until `ucp_mem_unmap`, or an address. @default UCX allocates it */
  readonly memory?: ArrayBufferView | Handle;
  /** In bytes. @default the view's length */
  readonly byteLength?: number;
  /** Bits of `UCP_MEM_MAP_PROT`. @default all */
  readonly protection?: number;
  /** One of `UCS_MEMORY_TYPE`. @default UCX looks at the address */
  readonly memoryType?: number;
  /** Pages are made when they are touched. @default false */
  readonly nonblocking?: boolean;
}

/** `ucp_mem_map_params_t` @throws {TypeError} when there is no length */
export function createMemoryMapParameters(
  options: MemoryMapOptions,
): NativeStruct<typeof ucpLayout.ucp_mem_map_params_t> {
  const field = UCP_MEM_MAP_PARAM_FIELD;
  const { memory } = options;
  const struct = new NativeStruct(ucpLayout.ucp_mem_map_params_t);
  const length =
    options.byteLength ??
    (ArrayBuffer.isView(memory) ? memory.byteLength : undefined);
  if (length === undefined) {
    throw new TypeError("byteLength must be given for memory that is no view");
  }
  let flags = options.nonblocking === true ? UCP_MEM_MAP.NONBLOCK : 0;
  if (memory === undefined) flags |= UCP_MEM_MAP.ALLOCATE;
  else struct.addToMask(field.ADDRESS).point("address", memory);
  struct.addToMask(field.LENGTH).write("length", length);
  if (flags !== 0) struct.addToMask(field.FLAGS).write("flags", flags);
  if (options.protection !== undefined) {
    struct.addToMask(field.PROT).write("prot", options.protection);
  }
  if (options.memoryType !== undefined) {
    struct
      .addToMask(field.MEMORY_TYPE)
      .write("memory_type", options.memoryType);
  }
  return struct;
}

/** `ucp_mem_attr_t`, to be filled by `ucp_mem_query`. */
export class MemoryAttributes extends NativeStruct<
  typeof ucpLayout.ucp_mem_attr_t
> {
  constructor() {
    super(ucpLayout.ucp_mem_attr_t);
    this.addToMask(
      UCP_MEM_ATTR_FIELD.ADDRESS |
        UCP_MEM_ATTR_FIELD.LENGTH |
        UCP_MEM_ATTR_FIELD.MEM_TYPE,
    );
  }

  get address(): Handle {
    return this.readHandle("address");
  }

  /** In bytes; may be more than was asked for. */
  get byteLength(): number {
    return this.readNumber("length");
  }

  /** One of `UCS_MEMORY_TYPE`. */
  get memoryType(): number {
    return this.readNumber("mem_type");
  }
}

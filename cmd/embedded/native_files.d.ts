/** What `import path from "….so" with { type: "file" }` gives: where the file is, within the executable or on disk. */
declare module "*.so" {
  const path: string;
  export default path;
}

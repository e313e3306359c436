/** A file that the compiled binary carries; the import's value is a path that can be read. */
declare module "*/dist/native/hello" {
  const path: string;
  export default path;
}

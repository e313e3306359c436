// The native programs that `make native` builds. `bun build --compile` puts them into the executable; the import gives the
// path under which this process can read them.
declare module "*/dist/native/berth-shim" {
  const path: string;
  export default path;
}
declare module "*/dist/native/berth-kernel" {
  const path: string;
  export default path;
}

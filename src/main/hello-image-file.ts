import { readFile } from "node:fs/promises";
import helloPath from "../../dist/native/hello" with { type: "file" };
import { buildHelloImage } from "../oci/hello-image.ts";

/** The hello-world image's archive, made of the program that the binary carries. */
export async function helloImage(): Promise<Uint8Array> {
  return await buildHelloImage(await readFile(helloPath));
}

/**
 * A process that is meant to be killed: `load <root> <archive>` loads an archive again and again into the store at `root`,
 * removing the image in between; `fetch <root> <digest> <url>` downloads one blob. Says "begun" when it has begun.
 */
import { createReadStream } from "node:fs";
import { ContentStore } from "../../../src/store/content/content-store.ts";
import { StoreFixture } from "./store-fixture.ts";

const never = new AbortController().signal;
const [what, root = "", argument = "", url = ""] = process.argv.slice(2);

async function load(): Promise<void> {
  const fixture = await StoreFixture.open(root);
  process.stdout.write("begun\n");
  for (;;) {
    const messages = fixture.service.load(
      createReadStream(argument),
      { quiet: true, platform: undefined },
      never,
    );
    for await (const { stream } of messages) {
      const name = /^Loaded image: (.*)\n$/.exec(stream ?? "")?.[1];
      if (name !== undefined) await fixture.service.remove(name, { force: true, noPrune: false });
    }
  }
}

async function download(): Promise<void> {
  const store = await ContentStore.open(root);
  process.stdout.write("begun\n");
  await store.fetch(argument, {
    maxBytes: 1 << 30,
    signal: never,
    open: async (offsetBytes, signal) => {
      const response = await fetch(url, { headers: { Range: `bytes=${offsetBytes}-` }, signal });
      if (response.body === null) throw new Error("no body");
      return { offsetBytes, totalBytes: undefined, body: response.body };
    },
  });
}

await (what === "load" ? load() : download());

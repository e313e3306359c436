/** Branded identifiers: 64 lower-case hex digits, never mixed up with names or with each other. */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type ContainerId = Branded<"ContainerId">;
export type ExecId = Branded<"ExecId">;
/** `sha256:` and 64 hex digits: the digest of the image's config blob. */
export type ImageId = Branded<"ImageId">;

const HEX_64 = /^[0-9a-f]{64}$/;

/** 256 random bits as 64 hex digits, Docker's form of an id. */
function randomHex64(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return bytes.toHex();
}

export function newContainerId(): ContainerId {
  // Docker never gives out an id whose short form is all digits: it could be taken for a number.
  for (;;) {
    const id = randomHex64();
    if (!/^[0-9]{12}/.test(id)) return id as ContainerId;
  }
}

export function newExecId(): ExecId {
  return randomHex64() as ExecId;
}

export function isHex64(text: string): boolean {
  return HEX_64.test(text);
}

/** The twelve digits that people see. Accepts `sha256:`-prefixed ids too. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

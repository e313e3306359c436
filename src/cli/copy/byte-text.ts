/**
 * Names of files as texts in which each character is one byte: Linux allows names that are no UTF-8, and they must come out as
 * they went in. Only `/` and `.` are ever looked at, which are bytes of their own in UTF-8, too.
 */
declare const brand: unique symbol;
export type ByteText = string & { readonly [brand]: "bytes" };

/** What a person typed. */
export const fromText = (text: string): ByteText => Buffer.from(text, "utf8").toString("latin1") as ByteText;

/** For messages; what is no UTF-8 shows as U+FFFD. */
export const toText = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");

/** For calls of the system. */
export const toBuffer = (bytes: string): Buffer => Buffer.from(bytes, "latin1");

export const fromBuffer = (buffer: Uint8Array): ByteText =>
  Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength).toString("latin1") as ByteText;

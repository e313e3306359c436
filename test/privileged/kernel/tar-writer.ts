/** Writes archives that no honest program would: every field of every header can be anything. */
const BLOCK = 512;
const encoder = new TextEncoder();

export interface TarMember {
  readonly name: string;
  /** The type flag; "0" (regular) by default, "5" for a name that ends in a slash. */
  readonly type?: string;
  readonly data?: string | Uint8Array;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds. */
  readonly mtime?: number;
  readonly link?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Size in the header when it is not the data's. */
  readonly size?: number;
  /** A pax header before the member. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
  /** Changes the finished header; its checksum is made again afterwards. */
  readonly change?: (header: Uint8Array) => void;
}

export const directory = (name: string, more: Partial<TarMember> = {}): TarMember => ({
  name,
  type: "5",
  ...more,
});
export const symlink = (name: string, link: string): TarMember => ({ name, type: "2", link });
export const hardLink = (name: string, link: string): TarMember => ({ name, type: "1", link });
export const file = (
  name: string,
  data: string | Uint8Array = "",
  more: Partial<TarMember> = {},
): TarMember => ({
  name,
  data,
  ...more,
});

/** The archive with its two final blocks of zeros. */
export function tar(...members: readonly TarMember[]): Uint8Array {
  return Buffer.concat([withoutEnd(...members), new Uint8Array(2 * BLOCK)]);
}

export function withoutEnd(...members: readonly TarMember[]): Uint8Array {
  return Buffer.concat(members.flatMap(blocksOf));
}

function blocksOf(member: TarMember): Uint8Array[] {
  const before =
    member.pax === undefined ? [] : blocksOf({ name: "pax", type: "x", data: paxRecords(member.pax) });
  const data = bytes(member.data ?? "");
  return [...before, header(member, data.length), data, new Uint8Array(-data.length & (BLOCK - 1))];
}

function bytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/** "length key=value\n": the length counts its own digits too. */
export function paxRecords(records: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.concat([encoder.encode(` ${key}=`), bytes(value), encoder.encode("\n")]);
      let length = rest.length + 1;
      while (`${length}`.length + rest.length !== length) length++;
      return Buffer.concat([encoder.encode(`${length}`), rest]);
    }),
  );
}

function header(member: TarMember, dataLength: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const type = member.type ?? (member.name.endsWith("/") ? "5" : "0");
  const octal = (value: number, at: number, size: number) =>
    block.set(encoder.encode(value.toString(8).padStart(size - 1, "0")), at);
  block.set(encoder.encode(member.name).subarray(0, 100), 0);
  octal(member.mode ?? (type === "5" ? 0o755 : 0o644), 100, 8);
  octal(member.uid ?? 0, 108, 8);
  octal(member.gid ?? 0, 116, 8);
  octal(member.size ?? dataLength, 124, 12);
  octal(member.mtime ?? 1_000_000_000, 136, 12);
  block.set(encoder.encode(type), 156);
  block.set(encoder.encode(member.link ?? "").subarray(0, 100), 157);
  block.set(encoder.encode("ustar\x0000"), 257);
  octal(member.major ?? 0, 329, 8);
  octal(member.minor ?? 0, 337, 8);
  member.change?.(block);
  setChecksum(block);
  return block;
}

export function setChecksum(block: Uint8Array): void {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(encoder.encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
}

/** A number as GNU writes those that are too large for digits: big-endian with the top bit set. */
export function setBinaryNumber(block: Uint8Array, at: number, size: number, value: bigint): void {
  let rest = BigInt.asUintN(size * 8, value);
  for (let i = size - 1; i >= 0; i--) {
    block[at + i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[at] = (block[at] ?? 0) | 0x80;
}

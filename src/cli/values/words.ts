import { ValueError } from "../failure.ts";

/** Text before and behind the first separator, and whether there was one. */
export function splitOnce(text: string, separator: string): [string, string, boolean] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, "", false] : [text.slice(0, at), text.slice(at + separator.length), true];
}

/** `key=value` texts as an object; a later key takes an earlier one's place. */
export function keyValues(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(entries.map((entry) => splitOnce(entry, "=").slice(0, 2) as [string, string]));
}

/** The fields of one CSV record (RFC 4180): `a,"b,c"` are two. Throws ValueError for quotes that do not fit. */
export function splitFields(text: string): string[] {
  const fields: string[] = [];
  let field = "";
  for (let at = 0; at <= text.length; ) {
    if (text.charAt(at) !== '"') {
      const comma = text.indexOf(",", at);
      field = text.slice(at, comma < 0 ? text.length : comma);
      if (field.includes('"')) throw new ValueError(`bare " in ${field}`);
      at += field.length;
    } else {
      const match = /"((?:[^"]|"")*)"/y;
      match.lastIndex = at;
      const found = match.exec(text);
      const end = match.lastIndex;
      if (found === null || (end < text.length && text.charAt(end) !== ",")) {
        throw new ValueError(`a quote that does not end in ${text}`);
      }
      field = (found[1] ?? "").replaceAll('""', '"');
      at = end;
    }
    fields.push(field);
    // Over the comma; at the end of the text this ends the loop.
    at++;
  }
  return fields;
}
